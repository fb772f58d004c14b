"""Cargas clicked through: Parcial to all tills, watched till by till; what is held confirmed; all on a telephone."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from malote.accounts.audit import command_line
from malote.accounts.roles import Role
from tests.browser.browser_support import PHONE, browsing, findings, is_too_wide, sign_in, watched
from tests.faces.application_serving import serving
from tests.faces.console_loads_support import LoadingAgent, store_with_loads
from tests.faces.console_support import PASSWORD, application, create_user, till

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as opened:
        yield opened


def test_a_load_is_sent_watched_held_and_confirmed(browser: Browser, tmp_path: Path) -> None:
    with store_with_loads(tmp_path) as (services, erp):
        agents = [LoadingAgent(services, till(services, name)) for name in ("caixa1", "caixa2")]
        for one in agents:
            one.contact()
        create_user(services, "ana", Role.SUPORTE)
        with serving(application(services)) as address, watched(browser, address) as opened:
            page = opened.page
            sign_in(page, "ana", PASSWORD)
            page.get_by_role("link", name="Gerenciador de carga").click()
            expect(page.get_by_role("status").get_by_text("ao vivo")).to_be_visible()
            _partial(page)
            expect(page.get_by_text("Versão 1 feita")).to_be_visible()
            row = page.get_by_role("row", name=re.compile("caixa1"))
            expect(row).to_contain_text("no próximo contato")
            place = row.bounding_box()
            agents[0].says("begun", 40, 100)
            expect(row).to_contain_text("40 de 100 linhas")
            assert row.bounding_box() == place, "what goes on moves nothing"
            agents[0].says("done")
            expect(row).to_contain_text("em dia")
            assert row.bounding_box() == place
            page.goto("/console/tills/caixa2/loads")
            expect(page.get_by_role("status").get_by_text("ao vivo")).to_be_visible()
            agents[1].says("begun", 70, 100)
            expect(page.get_by_text("70 de 100 linhas")).to_be_visible()
            page.get_by_role("link", name="Abrir no Gerenciador de carga").click()

            erp.turn += 10
            erp.do("UPDATE preco SET preco = 12.5, alterado = ? WHERE cod <= 30", [(erp.turn,)])
            services.loads.staging.run(command_line())
            page.get_by_role("link", name="Retidas").click()
            page.get_by_role("link", name="Ver o que muda").click()
            expect(page.get_by_text("(+25 %)").first).to_be_visible()
            assert findings(page) == []
            page.get_by_label("Motivo").fill("conferido com a matriz")
            page.get_by_role("button", name="Confirmar").click()
            expect(page.get_by_text("Nada retido")).to_be_visible()
            _on_a_telephone(page)


def _partial(page: Page) -> None:
    """By keys alone: a, p, and the button that is named."""
    page.keyboard.press("a")
    expect(page.get_by_text("Caixas Selecionados: 2")).to_be_visible()
    page.keyboard.press("p")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Parcial")).to_be_visible()
    assert findings(page) == []
    dialog.get_by_role("link", name="Cancelar").click()
    expect(dialog).to_be_hidden()
    page.wait_for_load_state()
    expect(page.get_by_text("Caixas Selecionados: 2")).to_be_visible()
    page.keyboard.press("p")
    dialog.get_by_role("button", name="Mandar carga parcial").press("Enter")


def _on_a_telephone(page: Page) -> None:
    page.set_viewport_size(PHONE)
    pages = ("", "/held", "/refused", "/plans", "/sold", "/price?product=1&till=caixa1")
    for path in (*(f"load-manager{one}" for one in pages), "tills/caixa1/loads"):
        page.goto(f"/console/{path}")
        expect(page.get_by_role("heading").first).to_be_visible()
        assert not is_too_wide(page), path
    assert findings(page) == []
