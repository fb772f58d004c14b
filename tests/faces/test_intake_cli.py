"""The commands around intake: creating tills, looking at them, and what was rejected."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from malote import __version__
from malote.app import services_for
from malote.cli.main import assemble
from malote.config import Settings
from malote.wire import Contact, RefusedFile
from tests.engines.spool_support import authenticated
from tests.faces.intake_support import file
from tests.unit.fiscal.notes import ISSUER, build_note, key_of

Run = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "servidor"


@pytest.fixture
def run(home: Path) -> Run:
    def invoke(*arguments: str, language: str = "en") -> Result:
        environment = {"MALOTE_HOME": str(home), "MALOTE_LANGUAGE": language, "COLUMNS": "200"}
        return CliRunner().invoke(assemble(), arguments, env=environment)

    return invoke


def found(result: Result) -> object:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_new_store_says_what_to_do_first(run: Run, home: Path) -> None:
    with services_for(Settings(home=str(home))):
        pass  # as malote serve begins it
    assert "malote till create" in run("status").stdout
    assert "malote till create" in run("till", "list").stdout
    assert run("rejected", "list").stdout.strip() == "No document is rejected."
    assert "Ainda não há nenhum caixa" in run("status", language="pt").stdout
    assert found(run("status", "--json")) == {"tills": [], "overdue": [], "drop_folder": [], "erp": None, "store": []}
    assert found(run("rejected", "list", "--json")) == []


def test_a_till_is_created_with_a_token_that_works_and_is_kept_nowhere(run: Run, home: Path) -> None:
    created = found(run("till", "create", "caixa1", "--label", "Frente [de] loja", "--json"))
    assert isinstance(created, dict)
    with services_for(Settings(home=str(home))) as services:
        assert authenticated(services.engine, created["token"]).name == "caixa1"
    kept = b"".join(path.read_bytes() for path in home.iterdir() if path.is_file())
    assert created["token"].encode() not in kept
    assert created["token"].split(".")[1].encode() not in kept
    assert "Frente [de] loja" in run("till", "list").stdout


def test_what_is_done_to_a_till_stands_in_the_audit_trail(run: Run) -> None:
    for command in (
        ("create", "caixa1"),
        ("token", "caixa1"),
        ("assign", "caixa1", "--issuer", "12ABC34501DE35", "--series", "7"),
        ("disable", "caixa1"),
        ("enable", "caixa1"),
    ):
        assert run("till", *command).exit_code == 0
    entries = found(run("audit", "list", "--on", "till:caixa1", "--json"))
    assert isinstance(entries, list)
    actions = ["till_enabled", "till_disabled", "series_assigned", "till_key_renewed", "till_created"]
    assert [entry["action"] for entry in entries] == actions
    assert all(entry["actor"].startswith("cli:") for entry in entries)


def test_the_token_is_shown_once_with_how_to_use_it(run: Run) -> None:
    shown = run("till", "create", "caixa1").stdout
    assert "malote till run" in shown
    assert 'token = "1.' in shown, "as it stands in the till's malote.toml"


def test_a_new_token_voids_the_old_one(run: Run, home: Path) -> None:
    run("till", "create", "caixa1")
    renewed = found(run("till", "token", "CAIXA1", "--json"))
    assert isinstance(renewed, dict)
    with services_for(Settings(home=str(home))) as services:
        assert authenticated(services.engine, renewed["token"]).name == "caixa1"


def test_a_till_is_disabled_and_enabled(run: Run) -> None:
    run("till", "create", "caixa1")
    run("till", "disable", "caixa1")
    assert "disabled" in run("till", "list").stdout
    assert "disabled" in run("status").stdout
    run("till", "enable", "caixa1")
    assert "enabled" in run("till", "list").stdout


def test_series_are_assigned_at_creation_and_afterwards(run: Run) -> None:
    run("till", "create", "caixa1", "--issuer", "11.222.333/0001-81", "--series", "1")
    run("till", "create", "caixa2")
    assert (
        run("till", "assign", "caixa2", "--issuer", "12ABC34501DE35", "--series", "7", "--model", "55").exit_code == 0
    )
    tills = found(run("till", "list", "--json"))
    assert isinstance(tills, list)
    assert [till["series"] for till in tills] == [
        [{"issuer": ISSUER, "model": "65", "series": 1}],
        [{"issuer": "12ABC34501DE35", "model": "55", "series": 7}],
    ]


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("till", "create", "caixa1"), 3, "till_exists"),
        (("till", "create", "CAIXA1"), 3, "till_exists"),
        (("till", "create", "../x"), 3, "till_name_invalid"),
        (("till", "create", "novo", "--issuer", "11222333000181"), 2, "go together"),
        (("till", "create", "novo", "--issuer", "123", "--series", "1"), 2, "(CNPJ, CPF)"),
        (("till", "create", "novo", "--issuer", "11222333000181", "--series", "1", "--model", "1"), 2, "no model"),
        (("till", "token", "nenhum"), 3, "till_unknown"),
        (("till", "disable", "nenhum"), 3, "till_unknown"),
        (("till", "assign", "nenhum", "--issuer", "11222333000181", "--series", "1"), 3, "till_unknown"),
        (("rejected", "list", "--till", "nenhum"), 3, "till_unknown"),
    ],
)
def test_what_can_not_be_done_says_why(run: Run, arguments: tuple[str, ...], status: int, says: str) -> None:
    run("till", "create", "caixa1")
    result = run(*arguments)
    assert (result.exit_code, says in result.output) == (status, True), result.output
    tills = found(run("till", "list", "--json"))
    assert isinstance(tills, list)
    assert [till["name"] for till in tills] == ["caixa1"]


def test_a_home_that_can_not_be_used_is_told_with_a_reason(tmp_path: Path, run: Run, home: Path) -> None:
    home.write_text("a file where the folder should be")
    result = run("till", "create", "caixa1")
    assert result.exit_code == 3, result.output
    assert "folder_unusable" in result.output


def test_a_database_that_is_none_is_told_with_a_reason(run: Run, home: Path) -> None:
    home.mkdir()
    (home / "store.sqlite3").write_bytes(b"this is no database, and long enough to tell" * 100)
    result = run("status")
    assert result.exit_code == 3, result.output
    assert "store_damaged" in result.output


@pytest.mark.skipif(os.name == "nt", reason="rights work otherwise there")
def test_the_home_is_closed_to_strangers_and_the_database_to_all_but_its_owner(run: Run, home: Path) -> None:
    run("till", "create", "caixa1")
    assert home.stat().st_mode & 0o777 == 0o750
    assert (home / "store.sqlite3").stat().st_mode & 0o777 == 0o600


def test_status_and_rejected_say_it_in_words(run: Run, home: Path) -> None:
    good = build_note(number=41)
    with services_for(Settings(home=str(home))) as services:
        run("till", "create", "caixa1")
        (till,) = services.tills()
        services.intake.take_files(till, [file(good), file(b"no document", "ruim.xml")])
    shown = run("status").stdout
    assert "attention" in shown
    assert "1/41" in shown
    assert "caixa1 · rejected: 1 × " in shown
    statuses = json.loads(run("status", "--json").stdout)
    assert isinstance(statuses, dict)
    (one,) = statuses["tills"]
    assert (one["till"], one["pending"], one["rejected"], one["last_number"]) == ("caixa1", 1, 1, 41)
    entries = found(run("rejected", "list", "--json"))
    assert isinstance(entries, list)
    (entry,) = entries
    assert (entry["till"], entry["document"]) == ("caixa1", "ruim.xml")
    assert Path(entry["path"]).read_bytes() == b"no document"
    for field in ("code", "title", "cause", "remedy"):
        assert entry[field]
    assert entry["code"] in run("rejected", "list").stdout
    assert found(run("rejected", "list", "--till", "CAIXA1", "--json")) == entries
    assert key_of(good) not in run("rejected", "list").stdout


def test_a_wrong_clock_and_files_the_till_could_not_capture_are_shown(run: Run, home: Path) -> None:
    run("till", "create", "caixa1")
    refused = [RefusedFile("enorme.xml", 10**9, "file_too_large")]
    contact = Contact("1.0", datetime.now(UTC) + timedelta(hours=2), pending=0, unproven=0, refused=refused)
    with services_for(Settings(home=str(home))) as services:
        (till,) = services.tills()
        services.record_contact(till, contact)
    shown = run("status").stdout
    assert "attention" in shown
    assert "[clock_skewed]: +7" in shown
    assert "enorme.xml: File too large [file_too_large]" in shown


def test_a_rejected_file_that_only_the_folder_has_is_listed_too(run: Run, home: Path) -> None:
    run("till", "create", "caixa1")
    folder = home / "rejeitados" / "caixa1"
    folder.mkdir(parents=True)
    (folder / "por-mao.xml").write_bytes(b"by hand")
    entries = found(run("rejected", "list", "--json"))
    assert isinstance(entries, list)
    assert [(entry["document"], entry["id"]) for entry in entries] == [("por-mao.xml", None)]


def test_status_tells_what_lies_unread_in_the_drop_folder(run: Run, home: Path) -> None:
    run("till", "create", "caixa1")
    (home / "entrada" / "desconhecido").mkdir(parents=True)
    (home / "entrada" / "desconhecido" / "venda.xml").write_bytes(b"sale")
    shown = run("status").stdout
    assert "till_unknown" in shown
    assert "desconhecido" in shown


def test_the_program_itself_answers(home: Path) -> None:
    with services_for(Settings(home=str(home))):
        pass
    environment = {**os.environ, "MALOTE_HOME": str(home), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-c", "from malote.cli.main import main; main()", "status"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    assert "malote till create" in result.stdout


WITHOUT_SETTINGS = {
    "store_missing": (
        "status|serve|post --once|till create caixa1|user create maria --role consulta|locks list|structures drift"
        "|erp create|erp try nota.xml|erp profile check|erp profile suggest|erp import-ledger --keys nota.xml"
        "|erp verify|store rebuild"
    ),
    "settings_missing": "till status|till start|till forget-lost|till forget-vanished|till trust",
}


@pytest.mark.parametrize(
    ("code", "words"), [(code, one) for code, listed in WITHOUT_SETTINGS.items() for one in listed.split("|")]
)
def test_a_folder_without_settings_begins_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    for name in [name for name in os.environ if name.startswith("MALOTE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nota.xml").write_bytes(b"<nota/>")
    ended = CliRunner().invoke(assemble(), words.split())
    assert ended.exit_code == (2 if words == "till start" else 3), ended.output
    assert f"[{code}]" in ended.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["nota.xml"]


@pytest.mark.parametrize(
    "words",
    ["status", "rejected list", "trash list", "numbering", "till list", "user list", "audit list", "sync --all"],
)
def test_a_folder_without_a_server_is_no_empty_store(run: Run, home: Path, words: str) -> None:
    ended = run(*words.split())
    assert ended.exit_code == 3
    assert "store_missing" in ended.stderr
    assert not home.exists()


def test_the_program_says_its_version(run: Run) -> None:
    assert run("--version").stdout == f"malote {__version__}\n"
