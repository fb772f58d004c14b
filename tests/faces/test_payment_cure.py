"""A method of payment that the ERP doesn't know, mapped on the spot: the page, the command, and what became of it."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from malote.accounts import audit
from malote.app import Services
from malote.cli.main import assemble
from malote.database.engine import writing
from malote.database.tables import document
from malote.loads import lacking as lacking_codes
from malote.quarantine.quarantine_reports import QuarantineError
from malote.register import till_documents
from malote.spool.documents import Reason
from malote.spool.state_changes import encode_reason
from tests.faces.console_support import csrf_of, send, signed_in, store, till
from tests.faces.test_numbers_faces import post
from tests.unit.fiscal.notes import build_note

NEW_PIX = "23"


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """Three sales paid in a way that the ERP refuses, one of them with change besides."""
    with store(tmp_path) as opened:
        sender = till(opened)
        send(opened, sender, build_note(number=9), names=["9.xml"])
        post(opened)
        with closing(sqlite3.connect(opened.settings.home_path / "erp.sqlite3")) as erp:
            erp.execute(
                f"CREATE TRIGGER unknown_method BEFORE INSERT ON payment WHEN NEW.method = '{NEW_PIX}'"
                " BEGIN SELECT RAISE(ABORT, 'unknown_method'); END"
            )
            erp.commit()
        for number in (1, 2):
            send(opened, sender, build_note(number=number, payments=[(NEW_PIX, 2590)]), names=[f"{number}.xml"])
        mixed = build_note(number=3, payments=[("01", 1000), (NEW_PIX, 1590)])
        send(opened, sender, mixed, names=["3.xml"])
        send(
            opened, sender, build_note(number=10), names=["10.xml"]
        )  # which passes: it is not the ERP that is at fault
        post(opened)
        yield opened


def booked(services: Services) -> list[str]:
    with closing(sqlite3.connect(services.settings.home_path / "erp.sqlite3")) as erp:
        return [method for (method,) in erp.execute("SELECT method FROM payment ORDER BY access_key, number")]


def states(services: Services) -> list[str]:
    return [till_documents.document(services.engine, number).state for number in (2, 3, 4)]


def test_on_the_page_the_cause_goes_with_it(services: Services) -> None:
    assert states(services) == ["rejected"] * 3
    with signed_in(services) as client:
        page = client.get("/console/documents/2/preview").text
        assert f'<option value="{NEW_PIX}" selected>23 · PIX automático</option>' in page
        assert '<option value="17" selected>17 · PIX</option>' in page
        mixed = client.get("/console/documents/4/preview").text
        assert f'<option value="{NEW_PIX}" selected>' not in mixed, "nobody said which of the two was refused"
        form = {"csrf": csrf_of(client), "old_method": NEW_PIX, "new_method": "17", "tab": "rejected", "cause": "1"}
        wrong = client.post("/console/documents/2/payment", data=form | {"new_method": "x"})
        assert wrong.status_code == 422
        assert "dois algarismos" in wrong.text
        client.post("/console/documents/2/payment", data=form | {"reason": "o ERP lança como PIX"})
        trail = client.get("/console/audit").text
    assert "mapeou uma forma de pagamento" in trail
    post(services)
    assert states(services) == ["posted"] * 3
    assert booked(services) == ["17", "17", "01", "17", "01", "01"]
    (entry,) = [one for one in audit.entries(services.engine) if one.action == "payment_mapped"]
    assert (entry.after["old_code"], entry.after["new_code"], entry.reason) == (NEW_PIX, "17", "o ERP lança como PIX")


def erp_named(services: Services, number: int, method: str, **more: str) -> None:
    """As PostgreSQL's own constraints do."""
    told = encode_reason(Reason("erp_constraint", {"detail": "payment", "payments": method, **more}))
    with writing(services.engine) as connection:
        connection.execute(update(document).where(document.c.id == number).values(reason=told))


def lacking(services: Services) -> None:
    """As where the seventh load has no method of payment 20."""
    lacks = lambda method: 7 if method == "20" else None  # noqa: E731
    services.quarantine.parts = replace(services.quarantine.parts, lacks_payment=lacks)


def test_what_the_loads_lack_is_asked_for_with_all_that_was_typed(services: Services) -> None:
    lacking(services)
    erp_named(services, 4, "01")
    with signed_in(services) as client:
        typed = {"old_method": NEW_PIX, "new_method": "20", "tab": "rejected", "cause": "1", "reason": "vem <amanhã>"}
        form = {"csrf": csrf_of(client), **typed}
        asked = client.post("/console/documents/2/payment", data=form, headers={"HX-Request": "true"})
        assert (asked.status_code, asked.headers["HX-Retarget"]) == (200, "#confirm-body")
        assert "O ERP não tem a forma de pagamento 20 na carga 7. Mapear assim mesmo?" in asked.text
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', asked.text))
        assert {name: unescape(value) for name, value in hidden.items()} == {**form, "anyway": "1"}
        assert states(services) == ["rejected"] * 3
        assert 'id="confirm-body"' in client.get("/console/documents/2").text, "where the question stands"
        client.post("/console/documents/2/payment", data=form | {"anyway": "1"})
    assert states(services) == ["accepted", "accepted", "rejected"], "the third was refused for another"


def test_the_command_refuses_it_until_it_is_told_anyway(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lacking_codes, "payment", lambda engine, method: 7)
    environment = {"MALOTE_HOME": str(services.settings.home), "MALOTE_LANGUAGE": "pt"}
    arguments = ["rejected", "map-payment", "2", NEW_PIX, "17", "--alone"]
    refused = CliRunner().invoke(assemble(), arguments, env=environment)
    assert refused.exit_code == QuarantineError.exit_status
    assert "[payment_not_loaded]" in refused.output
    assert "--anyway" in refused.output
    assert CliRunner().invoke(assemble(), [*arguments, "--anyway"], env=environment).exit_code == 0


def test_of_two_ways_the_one_that_the_erp_named_is_proposed_and_no_product(services: Services) -> None:
    erp_named(services, 4, NEW_PIX)
    (option,) = services.quarantine.cures(4)
    assert (option.kind, option.facts["payments"], option.facts["refused"]) == ("map_payment", "01, 23", NEW_PIX)


def test_nobody_is_led_to_map_what_the_reason_does_not_name(services: Services) -> None:
    """A missing partition, a trigger's own rule: a mapping would change what nothing is wrong with."""
    erp_named(services, 4, NEW_PIX)
    erp_named(services, 3, NEW_PIX, lacking="forma de pagamento 23")
    press, map_it = 'data-press="cure"', "Mapear a forma de pagamento e reenviar"
    with signed_in(services) as client:
        unnamed, lacking, named = (client.get(f"/console/documents/{number}").text for number in (2, 3, 4))
    assert re.search(f"<button[^>]*{press}[^>]*>(?:(?!</button>).)*Reprocessar</button>", unnamed, re.DOTALL)
    assert not re.search(f"<button[^>]*{press}[^>]*>{map_it}", unnamed)
    assert named.count(press) == lacking.count(press) == 1
    assert "Forma de pagamento: 23." in named
    assert "Falta no ERP: forma de pagamento 23." in lacking
    assert "Forma de pagamento: 23." not in lacking, "said once"
    assert re.search(f"<button[^>]*{press}[^>]*>{map_it}", named)


def test_the_command_does_the_same(services: Services) -> None:
    environment = {"MALOTE_HOME": str(services.settings.home), "MALOTE_LANGUAGE": "pt"}
    arguments = ["rejected", "map-payment", "2", NEW_PIX, "17", "--reason", "o ERP lança como PIX"]
    alone = CliRunner().invoke(assemble(), [*arguments, "--alone"], env=environment)
    assert (alone.exit_code, alone.output) == (0, "Correção registrada.\n1 de volta à fila.\n")
    again = CliRunner().invoke(assemble(), ["rejected", "map-payment", "3", NEW_PIX, "17"], env=environment)
    assert again.exit_code == 0, again.output
    assert "Desta causa, também de volta à fila: 1" in again.output
    post(services)
    assert states(services) == ["posted"] * 3
