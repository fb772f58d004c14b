"""A planted lock stops the sales: the banner says so, and a person ends the session that holds them.

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
from malote.tills.till import find_till
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
from tests.engines.locks_support import DBA, People
from tests.engines.posting_support import until
from tests.faces.application_serving import serving
from tests.faces.console_locks_support import HOLD, PROGRAM, counted, posting, store_with_erp
from tests.faces.console_support import PASSWORD, application, create_user, sell, send, till
from tests.unit.fiscal.notes import build_note

pytest_plugins = ["tests.engines.locks_fixtures"]
pytestmark = [pytest.mark.browser, pytest.mark.postgresql]

PICTURES = os.environ.get("SCREENSHOTS")
HELD = re.compile(r"Vendas paradas há .*: a sessão \d+ \(gerente, fechamento do mês\) segura a tabela stock; 2 caixas")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as opened:
        yield opened


@pytest.fixture
def services(tmp_path: Path, erp_address: str) -> Iterator[Services]:
    with store_with_erp(tmp_path, erp_address) as opened:
        create_user(opened, "ana", Role.DBA)
        till(opened, "caixa1", "Frente 1")
        till(opened, "caixa2", "Frente 2")
        yield opened


@pytest.fixture
def address(services: Services) -> Iterator[str]:
    with serving(application(services)) as listening:
        yield listening


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png")


def enter_database(page: Page) -> None:
    page.get_by_label("Usuário do banco").fill(DBA.user)
    page.get_by_label("Senha do banco").fill(DBA.reveal())
    page.get_by_role("button", name="Entrar", exact=True).click()
    expect(page.get_by_role("button", name="Sair do banco")).to_be_visible()


def sell_at_both(services: Services) -> None:
    sell(services, find_till(services.engine, "caixa1"), count=30)
    send(services, find_till(services.engine, "caixa2"), *(build_note(number=n, series=2) for n in range(1, 13)))


def test_a_planted_lock_is_named_killed_and_the_sales_go_up(
    services: Services, people: People, browser: Browser, address: str
) -> None:
    with watched(browser, address) as opened, posting(services):
        page = opened.page
        sign_in(page, "ana", PASSWORD)
        holder = people.holding(HOLD, PROGRAM)
        sell_at_both(services)

        # Gerenciamento: the banner names who holds what, by itself, and leads to the remedy.
        banner = page.get_by_role("alert")
        expect(banner).to_contain_text(HELD, timeout=120_000)
        expect(banner).to_contain_text("42 vendas esperam")
        picture(page, "vendas-paradas")
        banner.get_by_role("link", name="Abrir 551 - Lock de Banco").click()

        # 551 - Lock de Banco: the DBA signs in and sees the tree.
        expect(page.get_by_role("heading", name="551 - Lock de Banco")).to_be_visible()
        picture(page, "lock-de-banco-entrar")
        enter_database(page)
        row = page.get_by_role("row", name=re.compile(f"{holder.key}.*{PROGRAM}"))
        expect(row).to_contain_text("42 vendas")
        expect(row).to_contain_text("parada no meio de uma transação")
        assert findings(page) == []
        row.get_by_role("checkbox").check()
        picture(page, "lock-de-banco")

        # Matar Sessão: asks, wants a reason, does it, reads the tree again.
        page.get_by_role("button", name="Matar Sessão").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(PROGRAM)
        assert findings(page) == []
        dialog.get_by_label("Motivo").fill("vendas paradas, chamado 812")
        picture(page, "matar-sessao")
        dialog.get_by_role("button", name="Matar Sessão").click()
        expect(page.get_by_text(f"Sessão {holder.key}: encerrada")).to_be_visible()
        expect(page.get_by_text("Ninguém mais bloqueia")).to_be_visible()
        until(lambda: counted(services) == {"posted": 42})
        expect(page.get_by_text("Nenhum bloqueio")).to_be_visible()
        picture(page, "lock-de-banco-resolvido")
        page.goto("/console/tills")
        expect(page.get_by_role("row", name=re.compile("caixa1"))).to_contain_text("em dia")
        expect(page.get_by_role("alert")).to_have_count(0)


def _taking(number: int) -> str:
    return f"UPDATE stock SET quantity = 0 WHERE product_code = '{number}'"


@pytest.fixture
def chain(people: People) -> None:
    """Four who wait for one another."""
    people.run(*(f"INSERT INTO stock VALUES ('0', '{n}', 5)" for n in range(4)))
    held = [people.holding(_taking(n), f"rotina {n}") for n in range(4)]
    for n in range(1, 4):
        held[n].tries(_taking(n - 1))


@pytest.mark.usefixtures("services", "chain")
def test_a_chain_is_a_tree_that_fits_every_screen(browser: Browser, address: str) -> None:
    for size in (STORE_MONITOR, PHONE):
        with watched(browser, address, viewport=size) as opened:
            sign_in(opened.page, "ana", PASSWORD)
            _the_tree_fits(opened.page, size["width"])


def _the_tree_fits(page: Page, width: int) -> None:
    page.goto("/console/locks")
    picture(page, f"locks-entrar-{width}")
    assert not is_too_wide(page)
    enter_database(page)
    rows = page.get_by_role("row", name=re.compile("rotina"))
    expect(rows).to_have_count(4)
    expect(rows.first).to_contain_text("rotina 0")
    assert page.locator('input[name="selected"]').count() == 1, "only the root may be chosen"
    assert not is_too_wide(page)
    assert findings_in_all_colours(page) == {}
    picture(page, f"locks-{width}")
    page.get_by_role("link", name="Selecionar também as que esperam").click()
    expect(page.locator('input[name="selected"]')).to_have_count(4)
    page.locator('input[name="selected"]').first.check()
    page.get_by_role("button", name="Matar Sessão").click()
    expect(page.get_by_role("dialog")).to_contain_text("rotina 0")
    assert findings_in_all_colours(page) == {}
    picture(page, f"locks-kill-{width}")
