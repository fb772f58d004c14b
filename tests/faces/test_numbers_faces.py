"""Numbers in doubt as people see and settle them: the commands, the till's page, the document's page."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from malote.app import Services
from malote.app_workers import build_poster
from malote.cli.main import assemble
from malote.register import till_documents
from tests.faces.console_support import csrf_of, send, signed_in, store, till
from tests.faces.test_console_pages import words
from tests.unit.fiscal.notes import Line, build_note

Run = Callable[..., Result]


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """An offline sale, booked long ago; the same number, authorised under another key; two authorised of one number."""
    with store(tmp_path) as opened:
        offline, again = build_note(number=30, emission=9), build_note(number=30, code="66665555")
        first, second = build_note(number=31), build_note(number=31, code="77776666")
        sender = till(opened)
        for name, note in (("1", offline), ("2", again), ("3", first), ("4", second)):
            send(opened, sender, note, names=[f"{name}.xml"])
            post(opened)
        yield opened


def post(services: Services) -> None:
    poster = build_poster(services.settings, services)
    try:
        poster.drain()
    finally:
        poster.close()


@pytest.fixture
def run(services: Services) -> Run:
    def invoke(*arguments: object, code: int = 0) -> Result:
        environment = {"MALOTE_HOME": str(services.settings.home), "MALOTE_LANGUAGE": "pt", "COLUMNS": "220"}
        result = CliRunner().invoke(assemble(), [str(one) for one in arguments], env=environment)
        assert result.exit_code == code, result.output
        return result

    return invoke


def test_the_commands_tell_and_settle(services: Services, run: Run) -> None:
    found = json.loads(run("attention", "--json", code=1).stdout)
    assert [(one["id"], one["state"], one["code"]) for one in found] == [
        (2, "rejected", "number_supersedes"),
        (4, "posted", "number_twice"),
        (1, "posted", "protocol_overdue"),
    ]
    said = run("status", code=1).stdout
    assert "1 × Venda offline sem protocolo depois do prazo [protocol_overdue]: R$ " in said
    assert "lançadas, a conferir: 1 × Duas vendas autorizadas com o mesmo número" in said
    (series,) = json.loads(run("numbering", "--json", code=1).stdout)
    assert ([one["number"] for one in series["two_keys"]], series["overdue"]) == ([30, 31], [30])
    run("rejected", "reverse", 4, "--reason", "conferido", code=3)  # both are authorised: there is nothing to reverse
    run("rejected", "reverse", 2, "--reason", "conferido")
    run("rejected", "seen", 4, "--reason", "as duas valem")
    post(services)
    assert "Nada a conferir." in run("attention").stdout
    assert "em dia" in run("status").stdout


def test_the_pages_tell_and_settle(services: Services) -> None:
    with signed_in(services) as ana:
        page = words(ana.get("/console/tills/caixa1").text)
        assert "1 lançado, a conferir" in page
        assert "1 venda offline sem protocolo depois do prazo" in page
        numbering = words(ana.get("/console/tills/caixa1/numbering").text)
        assert "O mesmo número com mais de uma chave" in numbering
        assert "Offline, sem protocolo depois do prazo" in numbering
        assert "Estornar e lançar" in words(ana.get("/console/documents/2").text)
        assert "Marcar como conferido" in words(ana.get("/console/documents/4").text)
        for number, way in ((2, "reverse"), (4, "seen")):
            form = {"csrf": csrf_of(ana), "reason": "conferido"}
            assert ana.post(f"/console/documents/{number}/{way}", data=form).status_code == 200
        post(services)
        assert "Tudo o que chegou foi lançado" in words(ana.get("/console/tills/caixa1").text)
        english = words(ana.get("/console/documents/1", headers={"Accept-Language": "en"}).text)
        assert "Guardada, não lançada" in english or "Kept, not booked" in english


def test_what_is_kept_is_booked_by_command_and_by_button(services: Services, run: Run) -> None:
    sender = till(services, "caixa2")
    for number, total in ((70, None), (71, None), (72, 9999)):
        send(services, sender, build_note(number=number, total=total, series=2, items=[Line(cfop="5152")]))
    first, second, third = (one.id for one in till_documents.documents_of(services.engine, "caixa2"))
    assert "Correção: book_sale" in run("rejected", "show", first).stdout
    run("rejected", "book", first, "--reason", " ", code=3)
    assert "De volta à fila" in run("rejected", "book", first, "--reason", "é venda").stdout
    refused = run("rejected", "book", third, "--reason", "é venda", code=1)
    assert "items_sum" in refused.output
    with signed_in(services) as ana:
        page = ana.get(f"/console/documents/{second}").text
        assert "Lançar" in page
        assert 'data-press="cure"' not in page  # what was decided is never pointed out to be undone
        assert "Não se refere a nenhuma outra nota." in words(page)
        form = {"csrf": csrf_of(ana), "reason": "é venda"}
        assert ana.post(f"/console/documents/{second}/book", data=form).status_code == 200
        post(services)
        assert "É venda, por decisão de uma pessoa: é venda" in words(ana.get(f"/console/documents/{second}").text)
        english = words(ana.get(f"/console/documents/{third}", headers={"Accept-Language": "en"}).text)
        assert "Book" in english or "Lançar" in english
    assert [one.state for one in till_documents.documents_of(services.engine, "caixa2")] == ["posted", "posted", "kept"]
