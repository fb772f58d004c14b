"""The support page's ways through the console: from screen to screen, back, and never a button without a word."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from malote.accounts.roles import Role
from malote.app import Services
from malote.demo import bench
from malote.erp.factory import open_configured
from malote.quarantine.quarantine_reports import Selection
from tests.engines.quarantine_support import MARIA
from tests.faces.console_support import csrf_of, send, signed_in, start_anew, store, till
from tests.unit.fiscal.notes import build_note


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with store(tmp_path_factory.mktemp("store")) as opened:
        erp = open_configured(opened.settings)
        erp.create_structure()
        erp.close()
        send(opened, till(opened), build_note(number=9, total=100))
        yield opened


def test_the_load_manager_leads_from_tab_to_tab_and_says_why_nothing_can_be_pressed(services: Services) -> None:
    with signed_in(services, Role.SUPORTE) as client:
        own, erp = (client.get(f"/console/load-manager/{tab}").text for tab in ("store", "erp"))
    assert re.search(r'href="/console/load-manager/erp" data-press="next">próximo: ERP →', own)
    assert re.search(r'href="/console/load-manager" data-press="next">próximo: Caixa →', erp)
    for page in (own, erp):
        assert re.search(
            r'<button type="button" class="button" disabled title="Não há nada a executar.">Atualizar', page
        )
        assert 'data-back="/console/load-manager"' in page


def test_a_row_opens_on_the_tab_that_explains_the_light_and_the_folder_is_named(services: Services) -> None:
    with signed_in(services, Role.CONSULTA, "dora") as client:
        assert (
            'href="/console/tills/caixa1/rejected" title="Detalhamento" data-row' in client.get("/console/tills").text
        )
        page = client.get("/console/tills/caixa1/rejected").text
    assert str(services.settings.quarantine_path / "caixa1") in page


def test_of_deleted_sales_a_person_says_on_the_page_why_they_need_not_be_booked(services: Services) -> None:
    services.quarantine.delete(Selection(None), MARIA, last_copy_reason="o fornecedor regravou")
    with signed_in(services, Role.OPERADOR, "edu") as client:
        assert "/act/accept" not in client.get("/console/tills/caixa1/trash").text
        given = {"csrf": csrf_of(client), "reason": "não pode"}
        assert client.post("/console/tills/caixa1/act/accept", data=given).status_code == 403
    with signed_in(services, Role.SUPORTE, "sara") as client:
        assert "Não precisam ser lançados" in client.get("/console/tills/caixa1/trash").text
        given = {"csrf": csrf_of(client), "reason": ""}
        assert client.post("/console/tills/caixa1/act/accept", data=given).status_code == 422
        answer = client.post("/console/tills/caixa1/act/accept", data=given | {"reason": "regravada com outro número"})
        assert "1 fica sem lançar, com o motivo." in answer.text
        assert "/act/accept" not in client.get("/console/tills/caixa1/trash").text


def test_the_laboratory_is_in_a_demo_only(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with signed_in(services, Role.ADMINISTRADOR, "ida") as client:
        assert client.get("/console/laboratory").status_code == 404
        assert "Laboratório" not in client.get("/console/tills").text
    monkeypatch.setenv(bench.VARIABLE, str(tmp_path))
    start_anew(services)
    with signed_in(services, Role.ADMINISTRADOR, "bia") as client:
        assert "lock-chain" in client.get("/console/laboratory").text
        given = {"csrf": csrf_of(client), "fault": "gap"}
        assert client.post("/console/laboratory/ask", data=given).status_code == 303
        assert client.post("/console/laboratory/ask", data=given | {"fault": "../x"}).status_code == 422
    assert [one.name for one in bench.Bench(tmp_path).orders()] == ["gap"]
    with signed_in(services, Role.DBA, "caio") as client:
        assert client.get("/console/laboratory").status_code == 403
