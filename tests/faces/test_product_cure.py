"""A product that the ERP refuses: what it may be stands beside the field, is taken by a click, and mapped by none."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from malote.app import Services
from malote.cli.main import assemble
from malote.loads.proposing import ProductProposals, Proposed
from malote.quarantine.dependencies import Proposes
from malote.spool.documents import Reason, Settlement
from tests.faces.console_support import send, signed_in, store, till
from tests.faces.test_console_in_portuguese import read, wrong
from tests.unit.fiscal.notes import build_note

RICE: Proposed = ("1553", "ARROZ <TIPO> 1 5KG", "barcode")
BEANS: Proposed = ("17&8", "ARROZ TIPO 1", "description")


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A sale whose product 1001 the ERP refused."""
    with store(tmp_path_factory.mktemp("store")) as opened:
        send(opened, till(opened), build_note(number=1))
        (leased,) = opened.spool.lease("test", 1, 60.0)
        reason = Reason("erp_constraint", {"products": "1001"})
        opened.spool.settle([Settlement(leased.id, leased.lease, "rejected", reason=reason)])
        yield opened


def proposing(services: Services, proposes: Proposes) -> None:
    services.quarantine.parts = replace(services.quarantine.parts, proposes=proposes)


def test_a_link_puts_what_is_proposed_into_the_field(services: Services) -> None:
    asked = []

    def proposes(*line: str) -> list[Proposed]:
        asked.append(line)
        return [RICE, BEANS]

    proposing(services, proposes)
    with signed_in(services) as client:
        page = client.get("/console/documents/1").text
        taken = client.get("/console/documents/1?product=17%268").text
        foreign = client.get("/console/documents/1?product=9999").text
        beside = client.get("/console/documents/1/preview").text
    assert set(asked) == {("1001", "7891000315507", "ARROZ TIPO 1 5KG")}
    for shown in (page, beside):
        assert 'href="/console/documents/1?product=17%268#new-code" data-take="new_code"' in shown
        assert '<b class="mono">1553</b> · ARROZ &lt;TIPO&gt; 1 5KG</a>' in shown
    assert wrong(read(page)) == []
    assert 'autocomplete="off" value="17&amp;8">' in taken
    assert 'autocomplete="off">' in page
    assert 'autocomplete="off">' in foreign, "only what is proposed"
    assert services.quarantine.mappings() == []


def test_where_nothing_is_proposed_the_form_says_why(services: Services) -> None:
    with signed_in(services, name="eva") as client:
        proposing(services, lambda code, gtin, description: [])
        assert "Nenhum produto da última carga tem este código" in client.get("/console/documents/1").text
        proposing(services, lambda code, gtin, description: None)
        assert "Nenhuma carga trouxe produtos" in client.get("/console/documents/1").text


def test_the_command_shows_what_is_proposed(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProductProposals, "__call__", lambda self, *line: [RICE])
    monkeypatch.setenv("MALOTE_HOME", str(services.settings.home))
    shown = CliRunner().invoke(assemble(), ["rejected", "show", "1", "--json"])
    (cure,) = [one for one in json.loads(shown.stdout)["cures"] if one["kind"] == "map_product"]
    assert cure["proposed"] == [{"code": "1553", "description": "ARROZ <TIPO> 1 5KG", "by": "barcode"}]
    lines = CliRunner().invoke(assemble(), ["rejected", "show", "1"]).stdout
    assert "1553 · ARROZ <TIPO> 1 5KG" in lines
