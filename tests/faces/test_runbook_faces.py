"""Assistente and ``malote doctor``: the same procedure on the screen and on the command line."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from malote import __version__, wire
from malote.accounts.roles import Role
from malote.app import Services
from malote.cli.main import assemble
from malote.erp.factory import open_configured
from malote.register import till_documents
from malote.runbook.observations import ObservedLock
from tests.faces.console_support import csrf_of, sell, send, settle, signed_in, store, till
from tests.unit.fiscal.notes import build_note

DOCTOR = assemble("doctor")


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Of two tills one has a file that can't be booked; the ERP is there."""
    with store(tmp_path_factory.mktemp("store")) as opened:
        erp = open_configured(opened.settings)
        erp.create_structure()
        erp.close()
        one, _ = till(opened), till(opened, "caixa2")
        sell(opened, one, count=3)
        settle(opened)
        send(opened, one, build_note(number=9, total=100))
        yield opened


def doctor(services: Services, *arguments: str) -> tuple[int, str]:
    home = services.settings.home_path
    (home / "malote.toml").write_text('home = "."\n[store]\nname = "Mercado Aurora"\n', encoding="utf-8")
    ended = CliRunner().invoke(DOCTOR, ["doctor", *arguments, "-c", str(home / "malote.toml")])
    return ended.exit_code, ended.stdout


def test_doctor_says_each_step_and_its_exit_status_the_state(services: Services) -> None:
    status, told = doctor(services, "caixa1")
    assert status == 5, "only the POS's supplier cures it"
    assert "Depende de outra pessoa" in told
    assert "2. Arquivos rejeitados" in told
    assert "Não é a causa: nenhuma sessão segura o banco." in told
    assert doctor(services, "caixa9")[0] == 3


def test_doctor_tells_programs_the_same(services: Services) -> None:
    status, told = doctor(services, "caixa1", "--json")
    found = json.loads(told)
    assert (status, found["verdict"], found["scope"]) == (5, "handed", "caixa1")
    rejected = next(one for one in found["steps"] if one["step"] == "rejected")
    assert (rejected["state"], rejected["code"], rejected["who"]) == ("handed", "items_sum", "integrator")
    assert rejected["command"].startswith("malote rejected show ")


def test_a_till_that_was_never_heard_is_handed_to_the_store(services: Services) -> None:
    status, told = doctor(services, "caixa2", "--fix")
    assert status == 5
    assert "a loja" in told


def test_the_drawer_is_on_every_page_and_its_page_says_the_same(services: Services) -> None:
    with signed_in(services, Role.SUPORTE) as client:
        for page in ("/console/tills", "/console/tills/caixa1/rejected", "/console/load-manager", "/console/locks"):
            text = client.get(page).text
            assert 'id="assistant"' in text
            assert "data-assistant-open" in text
        whole = client.get("/console/assistant?till=caixa1").text
        part = client.get("/console/assistant?till=caixa1", headers={"HX-Request": "true"}).text
        assert "<html" in whole
        assert "<html" not in part
        for text in (whole, part):
            assert 'data-verdict="handed"' in text
            assert "o fornecedor do PDV" in text
            assert re.search(r"</a> · 1 documento · R\$\s1,00", text), "what is counted is said"
        assert client.get("/console/assistant?till=caixa9").status_code == 404


def test_what_a_role_may_not_do_is_told_with_who_can_and_a_link(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = ObservedLock(services.runbook.parts.clock(), "4711", "gerente", "retaguarda", "estoque", 0, 2, 9, whole=True)
    monkeypatch.setattr("malote.runbook.survey._lock", lambda *_: lock)
    with signed_in(services, Role.DBA, "carla") as client:
        assert (
            'data-marks="kill-reason|confirm-kill|kill|lock-row|dba-user|dba-password|dba-enter"'
            in client.get("/console/assistant").text
        )
    with signed_in(services, Role.SUPORTE, "bruno") as client:
        text = client.get("/console/assistant").text
    assert "Seu perfil não faz este passo." in text
    assert "Podem fazer: carla" in text
    assert "Copiar o link deste passo" in text
    assert "sessão 4711, gerente, retaguarda" in text, "the text that asks users to log off"


def test_a_link_that_is_handed_over_leads_to_the_same_till_and_goes_on_by_itself(services: Services) -> None:
    with signed_in(services, Role.SUPORTE, "fred") as client:
        page = client.get("/console/assistant?till=caixa1").text
    assert 'class="assistant-page" data-address="/console/assistant" data-till="caixa1"' in page, (
        "the script asks for it"
    )
    assert "Recado para copiar: o fornecedor do PDV" in page


def test_going_on_does_what_nobody_need_be_asked_for_and_no_more(services: Services) -> None:
    with signed_in(services, Role.CONSULTA, "dora") as client:
        assert client.post("/console/assistant/go-on", data={"till": "caixa1"}).status_code == 403
    with signed_in(services, Role.OPERADOR, "edu") as client:
        answer = client.post("/console/assistant/go-on", data={"csrf": csrf_of(client), "till": "caixa1"})
    assert answer.status_code == 200
    assert 'data-verdict="handed"' in answer.text
    assert till_documents.status(services.spool.engine, now=services.spool.clock())[0].rejected == 1, (
        "nothing was deleted"
    )


def test_at_the_good_end_what_is_left_is_named_without_a_fold(tmp_path: Path) -> None:
    """A fold that was closed before stays closed when the drawer is brought up to date."""
    with store(tmp_path) as opened:
        erp = open_configured(opened.settings)
        erp.create_structure()
        erp.close()
        one = till(opened)
        late = datetime.fromtimestamp(opened.runbook.parts.clock(), UTC) + timedelta(minutes=15)
        opened.record_contact(one, wire.Contact(__version__, late, 0, 0))
        with signed_in(opened, Role.SUPORTE) as client:
            text = client.get("/console/assistant").text
    assert 'data-verdict="resolved"' in text
    assert "Vendas subiram 👍, e há o que resolver" in text
    assert '<div class="assistant-beside"><p><strong>Ainda em aberto: 1 coisa, que não segura o que chegou' in text
    assert 'data-code="clock_skewed"' in text
    assert "Quem resolve: a loja" in text


def test_what_a_remedy_names_has_its_way_to_the_button_or_to_who_may_press_it(tmp_path: Path) -> None:
    with store(tmp_path) as opened:
        send(opened, till(opened), build_note(number=5))
        send(opened, till(opened, "caixa2"), build_note(number=6))
        with signed_in(opened, Role.SUPORTE, "bia") as browser:
            told = browser.get("/console/assistant").text
            assert 'data-code="series_owner_awaited"' in told
            assert 'href="/console/documents/2">Abrir o documento' in told
            assert "Atribuir a série e reenviar" in browser.get("/console/documents/2").text
        with signed_in(opened, Role.OPERADOR, "ze") as browser:
            told = browser.get("/console/assistant").text
            assert "Podem fazer: bia" in told
            assert "/console/documents/2</span>" in told
