"""Gerenciador de carga clicked through: an ERP of last year takes its rejected sales back, then come the tills.

A real browser, a real PostgreSQL. With SCREENSHOTS set to a folder, the pictures of the manual are taken on the way.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from malote.accounts.roles import Role
from malote.app import Services
from malote.structures.wanted import erp_of_2025
from tests.browser.browser_support import (
    PHONE,
    STORE_MONITOR,
    browsing,
    findings,
    findings_in_all_colours,
    is_too_wide,
    sign_in,
    watched,
)
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.posting_support import until
from tests.engines.structures_support import create, run_sql
from tests.faces.application_serving import serving
from tests.faces.console_load_support import Agents
from tests.faces.console_locks_support import counted, posting, store_with_erp
from tests.faces.console_support import PASSWORD, application, create_user, sell, till

pytestmark = [pytest.mark.browser, pytest.mark.postgresql]

PICTURES = os.environ.get("SCREENSHOTS")
PATIENCE = (
    "Aguarde! Em alguns minutos a carga será finalizada e a estrutura gerada no servidor de faturamento estará "
    "disponível nos caixas!"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as opened:
        yield opened


@pytest.fixture
def erp_address() -> Iterator[str]:
    found = fresh_postgresql_url()
    create(found, erp_of_2025())
    yield found
    discard_postgresql(found)


@pytest.fixture
def services(tmp_path: Path, erp_address: str) -> Iterator[Services]:
    with store_with_erp(tmp_path, erp_address) as opened:
        create_user(opened, "ana", Role.ADMINISTRADOR)
        yield opened


@pytest.fixture
def agents(services: Services) -> Agents:
    """Twelve tills with last year's structure."""
    made = Agents(services, [till(services, f"caixa{number:02d}", f"Frente {number}") for number in range(1, 13)])
    made.contact()
    return made


@pytest.fixture
def address(services: Services) -> Iterator[str]:
    with serving(application(services)) as listening:
        yield listening


def picture(page: Page, name: str, *, whole: bool = False) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=whole)


def test_the_structures_are_updated_and_the_rejected_sales_end_posted(
    services: Services, agents: Agents, browser: Browser, address: str
) -> None:
    sell(services, agents.tills[0], count=20)
    with watched(browser, address) as opened, posting(services):
        page = opened.page
        until(lambda: counted(services) == {"rejected": 20})
        sign_in(page, "ana", PASSWORD)
        page.get_by_role("link", name="Gerenciador de carga").click()

        # Caixa, Atualizar Estruturas do Banco: leads to Autosserviço, which is up to date.
        page.get_by_role("link", name="Atualizar Estruturas do Banco").click()
        expect(page.get_by_role("link", name="Autosserviço")).to_have_attribute("aria-current", "page")
        expect(page.get_by_text("A estrutura está em dia")).to_be_visible()
        _the_erp_is_updated(page)
        until(lambda: counted(services) == {"posted": 20})
        _all_tills_are_chosen(page)
        _wave_by_wave(page, agents)


def _the_erp_is_updated(page: Page) -> None:
    """The tab beside it, Winthor: Selecionar Todos, Atualizar."""
    page.get_by_role("link", name="Winthor", exact=True).click()
    expect(page.get_by_role("heading", name="O que será executado")).to_be_visible()
    expect(page.get_by_text(re.compile("ALTER TABLE")).first).to_be_visible()
    expect(page.get_by_role("button", name="Atualizar", exact=True)).to_be_disabled()
    page.get_by_role("button", name="Selecionar Todos").click()
    assert findings(page) == []
    picture(page, "carga-erp")
    page.get_by_role("button", name="Atualizar", exact=True).click()
    expect(page.get_by_text("Última atualização: concluída")).to_be_visible()
    expect(page.get_by_text("20 vendas rejeitadas voltaram à fila")).to_be_visible()
    expect(page.get_by_text("A estrutura está em dia")).to_be_visible()
    picture(page, "carga-erp-feita")


def _all_tills_are_chosen(page: Page) -> None:
    """Fechar; then Caixa: Seleção, Selecionar Todos, Caixas Selecionados, Atualizar Estrutura do Banco."""
    page.get_by_role("link", name="Fechar").click()
    expect(page.get_by_role("heading", name="Gerenciamento")).to_be_visible()
    page.get_by_role("link", name="Gerenciador de carga").click()
    expect(page.get_by_role("heading", name="Seleção")).to_be_visible()
    page.get_by_role("button", name="Selecionar Todos").click()
    page.get_by_role("link", name=re.compile("todos")).click()
    expect(page.get_by_text("Caixas Selecionados: 12")).to_be_visible()
    picture(page, "carga-caixas")
    page.get_by_role("button", name="Atualizar Estrutura do Banco").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Caixas Selecionados")).to_be_visible()
    expect(dialog).to_contain_text("12 caixas")
    assert findings(page) == []
    dialog.get_by_role("checkbox", name="caixa12").uncheck()
    dialog.get_by_role("button", name="Selecionar Todos").click()
    expect(dialog.get_by_role("checkbox", name="caixa12")).to_be_checked()
    picture(page, "carga-selecionados")
    dialog.get_by_role("button", name="Atualizar", exact=True).click()


def _wave_by_wave(page: Page, agents: Agents) -> None:
    """The message, and a bar per till."""
    expect(page.get_by_text(PATIENCE)).to_be_visible()
    agents.contact()
    expect(page.get_by_role("row", name=re.compile("caixa01"))).to_contain_text("o caixa está atualizando")
    expect(page.get_by_role("row", name=re.compile("caixa12"))).to_contain_text("espera a onda")
    agents.succeed("caixa01")
    agents.contact()
    expect(page.get_by_text("onda 2 de 3")).to_be_visible()
    picture(page, "carga-andamento")
    agents.fail("caixa02")
    expect(page.get_by_text(re.compile("Parada no caixa caixa02"))).to_be_visible()
    assert findings(page) == []
    picture(page, "carga-parada")
    page.get_by_role("button", name="Continuar").click()
    expect(page.get_by_text(PATIENCE)).to_be_visible()
    agents.succeed_all()
    expect(page.get_by_text("Atualização concluída")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("caixa12"))).to_contain_text("em dia")
    picture(page, "carga-concluida")


def test_it_fits_every_screen(
    services: Services, agents: Agents, browser: Browser, address: str, erp_address: str
) -> None:
    run_sql(erp_address, "ALTER TABLE sale ADD COLUMN ibs text", "ALTER TABLE sale ADD COLUMN minha text")
    services.structures.roll_out(None, agents.actor)
    agents.contact()
    agents.fail("caixa01")
    with watched(browser, address) as opened:
        page = opened.page
        sign_in(page, "ana", PASSWORD)
        for size in (STORE_MONITOR, PHONE):
            page.set_viewport_size(size)
            for path in ("load-manager", "load-manager/store", "load-manager/erp", "tills/caixa01/structure"):
                page.goto(f"/console/{path}")
                expect(page.get_by_role("heading").first).to_be_visible()
                assert not is_too_wide(page), path
                assert findings_in_all_colours(page) == {}, path
                picture(page, f"{path.replace('/', '-')}-{size['width']}", whole=True)
