"""What the books miss and a person answers for, as people see it: commands, the till's pages, the till's own words."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from typer.testing import CliRunner, Result

from malote.accounts.roles import Role
from malote.app import Services
from malote.cli.main import assemble
from malote.database.engine import writing
from malote.database.tables import document as documents
from malote.wire import Contact, LostSale
from tests.faces.console_support import csrf_of, send, settle, signed_in, store, till
from tests.faces.test_console_pages import words
from tests.unit.fiscal.notes import build_note

Run = Callable[..., Result]


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """Of the numbers 1 to 6 three came and are booked, for longer than a moment."""
    with store(tmp_path) as opened:
        send(opened, till(opened), *(build_note(number=number) for number in (1, 3, 6)))
        settle(opened)
        with writing(opened.engine) as connection:
            connection.execute(update(documents).values(accepted_at=time.time() - 3600))
        yield opened


@pytest.fixture
def run(services: Services) -> Run:
    def invoke(*arguments: object, code: int = 0) -> Result:
        environment = {"MALOTE_HOME": str(services.settings.home), "MALOTE_LANGUAGE": "pt", "COLUMNS": "220"}
        result = CliRunner().invoke(assemble(), [str(one) for one in arguments], env=environment)
        assert result.exit_code == code, result.output
        return result

    return invoke


def answer(result: Result) -> Any:
    return json.loads(result.stdout)


def test_missing_numbers_are_told_and_accepted_with_a_reason(services: Services, run: Run) -> None:
    assert "3 × Números que faltam [numbers_missing]" in run("status", code=1).stdout
    listed = answer(run("books", "gaps", "--json", code=1))
    assert [(one["first"], one["last"], one["state"], one["told"]) for one in listed] == [
        (2, 2, "unknown", True),
        (4, 5, "unknown", True),
    ]
    assert "o caixa ainda não disse" in run("books", "gaps", code=1).stdout
    run("books", "accept-gaps", "caixa1", "--reason", " ", code=2)
    run("books", "accept-gaps", "caixa1", "--reason", "teste", "--numbers", "5-4", code=2)
    dry = run("books", "accept-gaps", "caixa1", "--reason", "teste", "--numbers", "2", "--dry-run")
    assert "Seriam aceitos: 1." in dry.stdout
    assert "Aceitos: 1." in run("books", "accept-gaps", "caixa1", "--reason", "teste", "--numbers", "2").stdout
    [series] = answer(run("numbering", "--json", code=1))
    assert (series["missing"], series["accepted"]) == ([{"first": 4, "last": 5}], [{"first": 2, "last": 2}])
    with signed_in(services, Role.CONSULTA, "caio") as caio:
        page = caio.get("/console/tills/caixa1/numbering").text
        assert "4 – 5" in words(page)
        assert "/tills/caixa1/gaps" not in page, "who may only look is offered nothing"
        form = {"csrf": csrf_of(caio), "series": "1", "first": "4", "last": "5", "reason": "não usados"}
        assert caio.post("/console/tills/caixa1/gaps", data=form).status_code == 403
    with signed_in(services) as ana:
        form["csrf"] = csrf_of(ana)
        assert ana.post("/console/tills/caixa1/gaps", data=form | {"reason": ""}).status_code == 400
        assert "2 números aceitos." in words(ana.post("/console/tills/caixa1/gaps", data=form).text)
        page = words(ana.get("/console/tills/caixa1/numbering").text)
        assert "Faltam, e alguém respondeu por eles" in page
        assert "numbers_accepted" in ana.get("/console/audit").text or "não usados" in ana.get("/console/audit").text
    assert "Números que faltam" not in run("status").stdout
    run("books", "gaps")
    run("numbering")


def test_what_a_till_lost_is_told_by_number_and_value_and_answered_for(services: Services, run: Run) -> None:
    run("books", "accept-gaps", "caixa1", "--reason", "não usados")
    sender, now = services.tills()[0], datetime.now(UTC)
    sale = LostSale("venda7.xml", "07" * 32, "35" * 22, 1, 7, now.isoformat(), 3209)
    services.record_contact(sender, Contact("1", now, 0, 0, troubles=[], lost=[sale]))
    services.record_contact(sender, Contact("1", now, 0, 0, troubles=[]))
    assert "1 × Vendas perdidas no disco do caixa [sales_lost]: R$ 32,09" in run("status", code=1).stdout
    assert "caixa1 · 1/7 · " + "35" * 22 + " · R$ 32,09" in run("books", "lost", code=1).stdout
    assert "perdida no caixa" in run("books", "board", code=1).stdout
    assert (
        "Seriam aceitas: 1, R$ 32,09." in run("books", "accept-lost", "caixa1", "--reason", "teste", "--dry-run").stdout
    )
    with signed_in(services) as ana:
        assert "Vendas perdidas no disco do caixa" in words(ana.get("/console/reconciliation").text)
        page = words(ana.get("/console/tills/caixa1").text)
        assert "1/7" in page
        form = {"csrf": csrf_of(ana), "reason": "cupom digitado de novo"}
        assert "1 venda perdida aceita." in words(ana.post("/console/tills/caixa1/lost", data=form).text)
    assert answer(run("books", "lost", "--json")) == []
    assert answer(run("books", "lost", "--accepted", "--json"))[0]["number"] == 7
    assert "perdida" not in run("status").stdout


def test_a_range_of_days_is_exported_a_sealed_file_each(services: Services, run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "dias"
    told = answer(run("books", "export", "2026-11-19", folder, "--until", "2026-11-21", "--json"))
    assert [Path(one["file"]).name for one in told["files"]] == ["2026-11-20.zip"], "only that day has sales"
    run("books", "verify", folder / "2026-11-20.zip", "--key", told["public_key"])
    run("books", "export", "2026-11-20", folder, "--until", "2026-11-20", code=2)
    run("books", "export", "2026-11-21", folder, "--until", "2026-11-20", code=2)
    one = answer(run("books", "export", "2026-11-20", tmp_path / "um.zip", "--json"))
    assert (one["tills"], one["sales"], one["public_key"]) == (1, 3, told["public_key"])


RULES = """[[rule]]
name = "todas"
of = "sale"
when = "total > 0 and number != 6"
text = "Venda a ver"
weight = 70
"""


def test_rules_of_the_stores_own_are_told_everywhere_and_answered_for(
    services: Services, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("books", "accept-gaps", "caixa1", "--reason", "não usados")
    monkeypatch.setenv("MALOTE_BOOKS_RULES", "regras.toml")
    file = Path(services.settings.home) / "regras.toml"
    file.write_text(RULES.replace("> 0", "> 'x'"), encoding="utf-8")
    assert "todas: letra 9: aqui precisa estar um número" in run("rules", "try", code=2).output
    assert "todas: letra 9" in run("check", code=1).stdout
    assert "todas: letra 9" in run("rules", "list", code=1).stdout
    assert "Arquivo de regras da loja com erro [rules_unusable]" in run("status", code=1).stdout
    with signed_in(services, Role.CONSULTA, "caio") as caio:
        assert "Arquivo de regras da loja com erro" in words(caio.get("/console/tills").text)
    file.write_text(RULES, encoding="utf-8")
    tried = answer(run("rules", "try", "--days", 92, "--json", code=1))
    assert [(one["number"], one["text"]) for one in tried["findings"]] == [(1, "Venda a ver"), (3, "Venda a ver")]
    assert "Nenhuma se aplica" not in run("rules", "list", code=1).stdout
    status = run("status", code=1).stdout
    assert "2 × Regra da loja: todas [own_rule:todas]" in status
    assert "“Venda a ver” Veja onde" in status
    day = tried["findings"][0]["day"]
    with signed_in(services) as ana:
        assert "Regra da loja: todas" in words(ana.get("/console/tills").text)
        page = words(ana.get(f"/console/tills/caixa1/reconciliation?day={day}").text)
        assert "Venda a ver" in page
        form = {"csrf": csrf_of(ana), "day": day, "rule": "todas", "number": "3", "reason": "conferida"}
        assert ana.post("/console/tills/caixa1/rules", data=form | {"reason": ""}).status_code == 400
        assert "1 achado de regra aceito." in words(ana.post("/console/tills/caixa1/rules", data=form).text)
        assert "conferida" in ana.get("/console/audit").text
    assert [one["number"] for one in answer(run("books", "board", "--days", 92, "--json", code=1))["rules"]] == [1]
    none = run("rules", "accept", "todas", "caixa1", "--number", 99, "--reason", "nenhuma", code=1)
    assert "A regra todas não tem nada em aberto no caixa caixa1." in none.stdout
    run("rules", "accept", "todas", "caixa1", "--day", day, "--reason", "vistas todas")
    run("rules", "list")
    run("status")
