"""More than a person waits for: the number on the button is the number acted on, and what was done can be undone."""

import hashlib
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from malote.accounts.roles import Role
from malote.app import Services
from malote.app_console import console_services
from malote.app_workers import running
from malote.tills import custody
from tests.browser.browser_support import DESK, PHONE, browsing, findings, is_too_wide, sign_in, watched
from tests.faces.application_serving import serving
from tests.faces.console_support import PASSWORD, application, create_user, send, store, till
from tests.unit.fiscal.notes import build_note

pytestmark = pytest.mark.browser

REJECTED = 450
DAMAGED = 3
TILLS = 60  # more than a page shows
COUNTERS = 55  # of them, those that a search finds: still more than a page
HEADINGS_IN_SIGHT = """() => {
    const bottom = one => document.querySelector(one).getBoundingClientRect().bottom;
    return bottom("thead th") - bottom(".top") > 20 && bottom("thead th") < 200;
}"""

LAPTOP: ViewportSize = {"width": 1366, "height": 768}
TILLS_IN_SIGHT = """() => {
    const shown = one => one.getBoundingClientRect().bottom <= innerHeight;
    return [...document.querySelectorAll("tr.till")].filter(shown).length;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as opened:
        yield opened


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """A till whose 450 sales of one real don't add up, and three damaged files; it holds all of them."""
    with store(tmp_path) as opened:
        create_user(opened, "ana", Role.ADMINISTRADOR)
        sender = till(opened)
        sent = [build_note(number=number, total=100, signed=False) for number in range(1, REJECTED + 1)]
        sent += [b"\0" * (100 + number) for number in range(DAMAGED)]
        for start in range(0, len(sent), 151):
            send(opened, sender, *sent[start : start + 151])
        hashes = [hashlib.sha256(content).digest() for content in sent]
        custody.note(opened.engine, sender.id, hashes, set(hashes), time.time())
        yield opened


@pytest.fixture
def address(services: Services) -> Iterator[str]:
    """A server that carries out its jobs, and nothing else."""
    with serving(application(services)) as listening, running({"jobs": services.jobs.run}, threading.Event()):
        yield listening


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with watched(browser, address) as opened:
        sign_in(opened.page, "ana", PASSWORD)
        yield opened.page


def counts(services: Services) -> tuple[int, int]:
    """Of caixa1: rejected, and in the trash."""
    found = console_services(services).tills.find("caixa1")
    assert found is not None
    return found.rejected, found.discarded


def assert_the_first_screen_of_a_laptop_shows(page: Page, tills: int) -> None:
    desk = page.viewport_size or DESK
    page.set_viewport_size(LAPTOP)
    page.evaluate("document.fonts.ready")
    assert page.evaluate(TILLS_IN_SIGHT) >= tills
    assert findings(page) == []
    page.set_viewport_size(desk)


def offer(page: Page) -> Locator:
    return page.get_by_role("checkbox", name=re.compile("^Selecionar (todos )?os "))


def test_hundreds_of_rejected_files_are_deleted_by_a_job_and_come_back(services: Services, page: Page) -> None:
    page.goto("/console/tills/caixa1/rejected?code=items_sum")
    selected = page.locator(".selection [data-selected-count]")
    page.get_by_role("button", name="Selecionar todos").click()
    expect(selected).to_have_text("50")  # those on the screen
    offer(page).check()
    expect(selected).to_have_text("450")
    page.evaluate('shown = ""; refresh()')  # what came meanwhile is shown: the choice stays
    expect(offer(page)).to_be_checked()
    expect(page.get_by_role("button", name="Apagar selecionados")).to_contain_text("450")

    page.get_by_role("button", name="Apagar selecionados").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(re.compile(r"450 documentos, R\$\s450,00"))
    assert findings(page) == []
    dialog.get_by_role("button", name="Apagar 450").click()

    page.wait_for_url("**/console/jobs/*")
    panel = page.get_by_role("region", name=re.compile("Trabalho"))
    expect(panel).to_contain_text("Apagar · concluído", timeout=300_000)
    expect(panel).to_contain_text(re.compile(r"450 de 450 documentos, R\$\s450,00 de R\$\s450,00"))
    assert panel.get_by_role("progressbar").get_attribute("value") == "450"
    assert findings(page) == []
    assert counts(services) == (DAMAGED, REJECTED), "the filter was respected"

    page.get_by_role("link", name="caixa1").click()
    expect(page.get_by_role("link", name="Arquivos rejeitados")).to_contain_text(str(DAMAGED))
    page.get_by_role("link", name=re.compile("Lixeira")).click()
    expect(page.get_by_role("link", name=re.compile("Lixeira"))).to_contain_text("450")
    page.get_by_role("button", name="Desfazer: restaurar da lixeira").click()
    expect(panel).to_contain_text("Restaurar · concluído", timeout=300_000)
    expect(panel).to_contain_text("450 de 450 documentos")
    assert counts(services) == (REJECTED + DAMAGED, 0)


def test_all_in_the_trash_come_back_together(services: Services, page: Page) -> None:
    page.goto("/console/tills/caixa1/rejected")
    page.get_by_role("button", name="Selecionar todos").click()
    offer(page).check()
    page.get_by_role("button", name="Apagar selecionados").click()
    page.get_by_role("button", name=f"Apagar {REJECTED + DAMAGED}").click()
    page.wait_for_url("**/console/jobs/*")
    expect(page.get_by_text("Apagar · concluído")).to_be_visible(timeout=300_000)
    page.goto("/console/tills/caixa1/trash")
    page.get_by_role("button", name="Selecionar todos").click()
    offer(page).check()
    expect(page.get_by_role("button", name=re.compile("^Restaurar"))).to_contain_text(str(REJECTED + DAMAGED))
    page.get_by_role("button", name=re.compile("^Restaurar")).click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile(str(REJECTED + DAMAGED))).click()
    page.wait_for_url("**/console/jobs/*")
    expect(page.get_by_text("Restaurar · concluído")).to_be_visible(timeout=300_000)
    assert counts(services) == (REJECTED + DAMAGED, 0)


def test_all_tills_that_the_search_finds_are_synchronised_on_all_pages(services: Services, page: Page) -> None:
    for number in range(TILLS - 1):
        till(services, f"{'balcao' if number < COUNTERS else 'quiosque'}{number}")
    page.goto("/console/tills?search=balcao&group=none")
    assert_the_first_screen_of_a_laptop_shows(page, 14)  # below two lines of what is wrong
    page.goto("/console/tills?search=balcao&group=none&density=compact")
    assert_the_first_screen_of_a_laptop_shows(page, 18)
    page.evaluate("scrollTo(0, 700)")
    assert page.evaluate(HEADINGS_IN_SIGHT), "the frame doesn't lie over them"
    button = page.get_by_role("button", name="Sincronizar")
    page.get_by_role("checkbox", name="Selecionar todos").check()
    expect(button).to_contain_text("50")
    offer(page).check()
    expect(button).to_contain_text(str(COUNTERS))
    button.click()
    expect(page.get_by_text(f"Sincronização pedida a {COUNTERS} caixas.").first).to_be_visible()
    ordered = {one.name for one in services.tills() if services.synchronisation.latest(one.name)}
    assert ordered == {f"balcao{number}" for number in range(COUNTERS)}
    # Another search is another choice: nothing of the last one stays ticked.
    page.goto("/console/tills?search=quiosque")
    expect(page.get_by_role("button", name="Sincronizar")).to_be_disabled()


def test_a_phone_can_select_all_tills_too(services: Services, browser: Browser, address: str) -> None:
    with watched(browser, address, viewport=PHONE) as opened:
        sign_in(opened.page, "ana", PASSWORD)
        opened.page.get_by_role("button", name="Selecionar todos").click()
        expect(opened.page.get_by_role("button", name="Sincronizar")).to_contain_text("1")
        assert not is_too_wide(opened.page)
