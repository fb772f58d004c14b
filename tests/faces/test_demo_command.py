"""How ``malote demo`` answers: its exit status, its words, and what it refuses."""

import json
import tempfile
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from malote.cli.main import assemble
from malote.demo import check, live, store
from malote.demo.check import DemoOutcome, StuckError
from malote.demo.erp_books import ErpTotals
from malote.demo.phrases import Phrase, figure
from malote.demo.processes import ProcessFailedError
from malote.demo.proof import DemoProof, Ending, Planted, ProofDifference, ProofRow
from malote.demo.store import HomeBusyError, StoreNotStartedError

PLANTED = Planted(Phrase.FAULT_POISON, "caixa1", "f" * 64, "rejected", frozenset({"erp_constraint"}))
GOOD = DemoProof(
    [ProofRow(Phrase.ROW_SUM, 12345, 12345, 12345, 12345, "cents")], [Ending(PLANTED, "erp_constraint", True)], []
)
BAD = DemoProof(
    [ProofRow(Phrase.ROW_SALES, 2, 2, 2, 1), ProofRow(Phrase.ROW_GOODS, 25_500, None, None, 20_000, "ten-thousandths")],
    [Ending(PLANTED, "posted", False)],
    [ProofDifference(f"key{number}", Phrase.LOST, "caixa1") for number in range(60)],
)


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a failed check leaves behind for looking goes with the test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def run(*options: str) -> Result:
    return CliRunner().invoke(assemble(), ["demo", *options], env={"COLUMNS": "200"})


def checked(proof: DemoProof, monkeypatch: pytest.MonkeyPatch, *options: str) -> Result:
    outcome = DemoOutcome(proof, "postgresql", ("server",), 12.3)
    monkeypatch.setattr(check, "run", lambda *_, **__: outcome)
    return run("--check", *options)


def test_a_proof_that_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    result = checked(GOOD, monkeypatch, "--language", "en")
    assert result.exit_code == 0
    assert "123.45" in result.output
    assert "Nothing lost, nothing doubled." in result.output
    assert "kill -9: server" in result.output


def test_a_proof_that_fails_names_what_differs_and_keeps_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = checked(BAD, monkeypatch, "--home", str(tmp_path / "new"))
    assert result.exit_code == 1
    assert "NÃO CONFERE." in result.output
    assert "key49" in result.output
    assert "key50" not in result.output
    assert "e mais 10" in result.output
    assert "2,5500" in result.output
    assert str(tmp_path / "new") in result.output


def test_the_same_as_json_with_every_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    result = checked(BAD, monkeypatch, "--json")
    assert result.exit_code == 1
    proof = json.loads(result.stdout)
    assert proof["holds"] is False
    assert len(proof["differences"]) == 60
    assert proof["differences"][0] == {"subject": "key0", "what": Phrase.LOST.say("en"), "detail": "caixa1"}
    assert proof["figures"][0] == {"what": "sales", "pos": 2, "till": 2, "server": 2, "erp": 1, "agrees": False}
    assert proof["faults"][0]["right"] is False


@pytest.mark.parametrize(
    ("failure", "status", "said"),
    [
        (StuckError("caixa1: 3 waiting"), 1, "3 waiting"),
        (ProcessFailedError("poster keeps ending"), 3, "poster keeps ending"),
        (HomeBusyError("/loja"), 3, "another demo runs in /loja"),
        (StoreNotStartedError("/loja/logs/server.log"), 3, "server.log"),
        (OSError(28, "No space left on device"), 3, "No space left"),
        (KeyboardInterrupt(), 3, "stopped"),
    ],
)
def test_what_goes_wrong_is_said_in_a_line(
    failure: BaseException, status: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> DemoOutcome:
        raise failure

    monkeypatch.setattr(check, "run", fail)
    result = run("--check", "--language", "en")
    assert result.exit_code == status
    assert said in result.output
    assert "Traceback" not in result.output
    assert "malote-demo-" in result.output, "where everything is left for looking"


@pytest.mark.parametrize("options", [("--kill",), ("--json",), ("--sales", "-1", "--check"), ("--rate", "0")])
def test_wrong_usage(options: tuple[str, ...]) -> None:
    assert run(*options).exit_code == 2


def test_wrong_usage_is_said_in_the_language_asked_for() -> None:
    assert "só com --check" in run("--kill").output
    assert "only with --check" in run("--kill", "--language", "en").output


def test_a_folder_that_holds_something_is_not_checked(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    result = run("--check", "--home", str(tmp_path))
    assert result.exit_code == 2
    assert "new or empty" in result.output


def test_figures_without_a_terminal_are_a_line(tmp_path: Path) -> None:
    place = store.Store(tmp_path, "en")
    till = live.TillFigures("caixa1", 7, 12345, 8, 6, 1, 1, 0, "")
    seen = live.DemoFigures([till], ErpTotals(5, 9900))
    assert live.line(seen, place) == "caixa1: 7 sales, 6 posted. In the ERP: 5 sales, R$ 99.00"
    spoken = store.Store(tmp_path, "pt")
    assert live.line(seen, spoken) == "caixa1: 7 vendas, 6 lançados. No ERP: 5 vendas, R$ 99,00"
    assert figure("147024.88", "pt") == "147.024,88"
    assert Phrase.SUM_OF_TILL.say("pt", till="caixa1", sold=1, posted=1) == "caixa1: 1 venda, 1 lançado"
