"""The console as people use it: clicked, typed, watched; on a desk, a store's monitor and a phone."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from malote.accounts.roles import Role
from malote.app import Services, services_for
from malote.config import Settings, StoreSettings
from malote.tills.till import find_till
from tests.browser.browser_support import (
    DESK,
    PAGES,
    PHONE,
    STORE_MONITOR,
    WIDE_DESK,
    Watched,
    browsing,
    cut_texts,
    findings,
    findings_in_all_colours,
    is_too_wide,
    sign_in,
    two_tills,
    watched,
)
from tests.engines.posting_support import until
from tests.faces.application_serving import serving
from tests.faces.console_support import PASSWORD, application, create_user, sell, send, store, till
from tests.faces.test_numbers_faces import post
from tests.unit.fiscal.notes import build_note, build_void

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as opened:
        yield opened


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    with two_tills(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def visit(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Somebody who has signed in, for tests that only look."""
    with (
        two_tills(tmp_path_factory.mktemp("looked-at")) as opened,
        serving(application(opened)) as listening,
        watched(browser, listening) as seen,
    ):
        sign_in(seen.page, "ana", PASSWORD)
        yield seen


@pytest.fixture
def address(services: Services) -> Iterator[str]:
    with serving(application(services)) as listening:
        yield listening


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with watched(browser, address) as opened:
        sign_in(opened.page, "ana", PASSWORD)
        yield opened.page


def test_a_page_changes_by_itself_when_something_happens(services: Services, page: Page) -> None:
    row = page.get_by_role("row", name=re.compile("caixa1"))
    expect(row).to_contain_text("1/3")
    expect(page.get_by_text("ao vivo")).to_be_visible()
    page.evaluate("window.sameAsBefore = true")
    sell(services, find_till(services.engine, "caixa1"), first=9)
    expect(row).to_contain_text("1/9")
    assert page.evaluate("window.sameAsBefore"), "the page was not loaded anew"


def test_what_changed_before_the_page_was_told_of_anything_is_shown_too(services: Services, page: Page) -> None:
    """After it was drawn, and before it listens: no event ever tells of it, and a quiet store has no other one."""

    def just_before(route: Route) -> None:
        sell(services, find_till(services.engine, "caixa1"), first=11)
        route.continue_()

    page.route("**/console/changes*", just_before, times=1)
    page.goto("/console/tills")
    expect(page.get_by_role("row", name=re.compile("caixa1"))).to_contain_text("1/11")


def test_the_heading_of_the_board_covers_none_of_its_tills(services: Services, page: Page) -> None:
    page.goto("/console/reconciliation")
    heading = page.locator(".board thead th").first.bounding_box()
    first = page.locator(".board tbody tr").first.bounding_box()
    assert heading is not None
    assert first is not None
    assert heading["y"] + heading["height"] <= first["y"] + 1


def test_what_is_ticked_stays_ticked_while_the_page_refreshes(services: Services, page: Page) -> None:
    page.get_by_role("checkbox", name="caixa2").check()
    sell(services, find_till(services.engine, "caixa1"), first=9)
    expect(page.get_by_role("row", name=re.compile("caixa1"))).to_contain_text("1/9")
    expect(page.get_by_role("checkbox", name="caixa2")).to_be_checked()
    expect(page.get_by_role("button", name="Sincronizar")).to_contain_text("1")


def test_what_is_pressed_shows_it_and_what_its_answer_tells_is_told_though_its_form_is_gone(page: Page) -> None:
    asked: list[Route] = []
    page.route("**/act/replay", lambda route: asked.append(route))
    page.goto("/console/tills/caixa2/rejected")
    page.locator('input[name="selected"]').first.check()
    page.get_by_role("button", name="Reprocessar", exact=True).click()
    while not asked:
        page.wait_for_timeout(20)
    pressed = page.get_by_role("button", name="Reprocessar", exact=True)
    page.evaluate("refresh()")  # what the page draws anew meanwhile takes nothing of it away
    expect(pressed).to_have_attribute("aria-busy", "true")
    pressed.click()
    page.wait_for_timeout(100)
    assert len(asked) == 1, "it is not sent a second time"
    expect(pressed).to_have_attribute("aria-busy", "true")
    page.locator("#selection").evaluate("form => form.remove()")  # as where a refresh finds nothing to choose any more
    asked[0].continue_()
    expect(page.locator(".toast")).to_be_visible()
    assert page.evaluate("underWay.size") == 0


def test_what_is_typed_stays_while_the_page_refreshes_and_goes_with_its_form(services: Services, page: Page) -> None:
    page.goto("/console/tills/caixa2/rejected")
    field = page.locator("#live #search")
    field.fill("conferido com a loja")
    expect(page.get_by_text("ao vivo")).to_be_visible()
    send(services, find_till(services.engine, "caixa2"), build_note(number=9, total=1))
    expect(page.locator("#live")).to_contain_text("Venda 1/9")
    expect(field).to_have_value("conferido com a loja")
    # The same place, and another form: what was meant for the one is not sent with the other.
    page.evaluate("""() => {
        const old = document.querySelector("#live form:has(#search)"), holder = document.createElement("template");
        holder.innerHTML = old.outerHTML;
        holder.content.firstChild.setAttribute("action", "/console/elsewhere");
        Idiomorph.morph(old, holder.content.firstChild);
    }""")
    expect(field).to_have_value("")


def test_a_form_that_came_with_a_refresh_is_sent_with_its_token(services: Services, page: Page) -> None:
    page.goto("/console/tills/caixa2/rejected")
    page.locator('input[name="selected"]').first.check()
    send(services, find_till(services.engine, "caixa2"), b"<broken too>")
    expect(page.locator('input[name="selected"]')).to_have_count(5)
    assert page.locator('#live input[name="csrf"]').count() == 0
    with page.expect_download() as download:
        page.get_by_role("button", name="Baixar").click()
    assert download.value.suggested_filename == "caixa2-rejeitados.zip"


@pytest.mark.parametrize("path", PAGES)
def test_everybody_can_use_it_on_every_screen(visit: Watched, path: str) -> None:
    """It fits, no text is cut, axe-core has nothing serious to say in light or dark; nothing is logged as an error."""
    visit.page.set_viewport_size(PHONE)
    visit.page.goto(f"/console{path}")
    visit.page.wait_for_load_state("load")
    for size in (PHONE, STORE_MONITOR, DESK):
        visit.page.set_viewport_size(size)
        assert not is_too_wide(visit.page), size
        assert cut_texts(visit.page) == [], size
    assert findings_in_all_colours(visit.page) == {}
    assert visit.errors == []


@pytest.mark.parametrize("path", ["/tills", "/load-manager", "/tills/caixa2/rejected"])
def test_no_text_is_cut_beside_the_open_drawer(visit: Watched, path: str) -> None:
    visit.page.set_viewport_size(WIDE_DESK)
    visit.page.goto(f"/console{path}")
    visit.page.get_by_role("link", name="Assistente").click()
    expect(visit.page.locator("[data-assistant-body]")).to_be_visible()
    for size in (WIDE_DESK, DESK, STORE_MONITOR):
        visit.page.set_viewport_size(size)
        assert cut_texts(visit.page) == [], size
        assert not is_too_wide(visit.page), size
    visit.page.get_by_role("complementary").get_by_role("button", name="Fechar").click()


def test_the_way_to_all_other_screens_opens_on_every_desk(visit: Watched) -> None:
    visit.page.goto("/console/tills")
    for size in (WIDE_DESK, DESK, STORE_MONITOR, PHONE):
        visit.page.set_viewport_size(size)
        visit.page.get_by_text("Mais", exact=True).click()
        for screen in ("Trabalhos", "Usuários", "Painel"):
            way = visit.page.get_by_role("link", name=screen, exact=True)
            box = way.bounding_box()
            assert box is not None, (screen, size)
            place = [box["x"] + 9, box["y"] + 9]
            over = visit.page.evaluate("([x, y]) => document.elementFromPoint(x, y)?.textContent", place)
            assert over == screen, (screen, size)
        visit.page.keyboard.press("Escape")


def test_the_way_in_can_be_used_by_everybody(browser: Browser, address: str) -> None:
    with watched(browser, address) as opened:
        opened.page.goto("/console/sign-in")
        assert findings(opened.page) == []


def test_keys_of_44_characters_fit_a_phone(browser: Browser, tmp_path: Path) -> None:
    """A number with two keys, and one that is void though it was sold: they are told with their keys."""
    with store(tmp_path) as opened:
        create_user(opened, "ana", Role.ADMINISTRADOR)
        sender = till(opened)
        pair = [build_note(number=30, emission=9), build_note(number=30, code="66665555")]
        for content in (*pair, build_note(number=31), build_void(first=31, last=31), build_note(number=32, series=9)):
            send(opened, sender, content)
            post(opened)
        with serving(application(opened)) as listening, watched(browser, listening, viewport=PHONE) as seen:
            sign_in(seen.page, "ana", PASSWORD)
            for path in ("/tills/caixa1/numbering", *(f"/documents/{number}" for number in range(1, 6))):
                seen.page.goto(f"/console{path}")
                assert not is_too_wide(seen.page), path
                assert findings_in_all_colours(seen.page) == {}, path
            assert seen.page.locator(".xml .marked").count() > 0, "a marked line was among what was looked at"


def test_the_frame_is_one_line_on_every_desk(browser: Browser, tmp_path: Path) -> None:
    """Whatever the store is called and however wide the fonts of the desk: what is below sticks to its lower edge."""
    named = StoreSettings(name="Supermercados Irmãos Albuquerque de Vasconcelos, filial 17")
    with services_for(Settings(home=str(tmp_path), store=named)) as opened:
        create_user(opened, "ana", Role.ADMINISTRADOR)
        with serving(application(opened)) as listening, watched(browser, listening) as seen:
            sign_in(seen.page, "ana", PASSWORD)
            seen.page.evaluate("document.querySelector('header.top').style.letterSpacing = '2px'")
            for width in (1024, 1180, 1279, 1280, 1366, 1400, 1401, 1440, 1600, 1601, 1920):
                seen.page.set_viewport_size({"width": width, "height": 800})
                # Laid out anew in its own time; it never fits if it doesn't within the page's patience.
                until(lambda: seen.page.evaluate("document.querySelector('header.top').offsetHeight") <= 53)


def test_everything_is_in_reach_of_the_keyboard(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Ir para o conteúdo")).to_be_focused()
    page.keyboard.press("Escape")
    page.locator("body").click(position={"x": 5, "y": 300})
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("caixa2")
    expect(page.get_by_role("row", name=re.compile("caixa1"))).to_have_count(0)
    expect(page).to_have_url(re.compile("search=caixa2"))
    page.keyboard.press("Escape")
    page.get_by_role("link", name="caixa2").click()
    expect(page.get_by_role("heading", name="caixa2")).to_be_visible()
    expect(page.get_by_text("ao vivo")).to_be_visible()
    page.keyboard.press("4")
    expect(page).to_have_url(re.compile("/tills/caixa2/rejected$"))
    expect(page.get_by_text("ao vivo")).to_be_visible()
    page.keyboard.press("a")
    expect(page.locator("[data-selected-count]").last).to_have_text("4")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("p")
    expect(page).to_have_url(re.compile("/dashboard$"))


def test_a_plot_is_pointed_at_and_a_click_opens_the_documents_behind(page: Page) -> None:
    page.goto("/console/dashboard")
    plot = page.locator("svg.graph").first
    plot.hover()
    expect(page.locator(".readout").first).to_contain_text("Recebidas: 0")
    page.get_by_text("Os números").first.click()
    expect(page.get_by_role("table", name="Vendas recebidas e lançadas")).to_be_visible()
    plot.click()
    expect(page.get_by_role("heading", name="Vendas recebidas")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/documents\?what=received&since=\d+"))


def test_the_language_and_the_colours_are_a_click_away(page: Page) -> None:
    page.locator(".end details.menu > summary").click()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Management")).to_be_visible()
    page.locator(".end details.menu > summary").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_css("color-scheme", "dark")


def test_a_page_whose_stream_is_cut_goes_on_by_asking(services: Services, browser: Browser, address: str) -> None:
    with watched(browser, address) as opened:
        opened.expected = ["Failed to load resource", "net::ERR_FAILED"]
        opened.page.route("**/console/changes*", lambda route: route.abort())
        opened.page.clock.install()
        sign_in(opened.page, "ana", PASSWORD)
        expect(opened.page.get_by_text("atualiza a cada 10 s")).to_be_visible()
        sell(services, find_till(services.engine, "caixa1"), first=9)
        opened.page.clock.fast_forward(11_000)
        expect(opened.page.get_by_role("row", name=re.compile("caixa1"))).to_contain_text("1/9")


def test_a_session_that_ends_leads_back_to_the_way_in(browser: Browser, address: str) -> None:
    with watched(browser, address) as opened:
        opened.expected = ["401"]
        sign_in(opened.page, "ana", PASSWORD)
        opened.page.context.clear_cookies()
        # Whatever the page asks for next: here or there that is what it asks for by itself as soon as it listens.
        opened.page.evaluate("refresh()")
        opened.page.wait_for_url("**/console/sign-in*")


def test_on_paper_each_column_has_the_room_that_its_words_need(page: Page) -> None:
    """A4 within its margins is as narrow as a phone's screen, and no phone: tables stay tables, and light ones."""
    page.set_viewport_size({"width": 703, "height": 1031})
    page.emulate_media(media="print", color_scheme="dark")
    page.goto("/console/tills/caixa2/rejected")
    narrowest = "Math.min(...[...document.querySelectorAll('tbody th')].map((one) => one.clientWidth))"
    assert page.evaluate(narrowest) > 80
    assert page.get_by_role("button", name="Reprocessar").count() == 0
    narrowest = narrowest.replace("tbody th", ".load-state .under")
    for path in ("audit", "load-manager", "tills"):
        page.goto(f"/console/{path}")
        assert page.evaluate("getComputedStyle(document.querySelector('tbody tr')).display") == "table-row", path
        assert path != "load-manager" or page.evaluate(narrowest) > 100, "lines, not columns of words"
    assert page.evaluate("open(true) ?? getComputedStyle(document.querySelector('main')).marginRight") == "0px"
    cut = "[...document.querySelectorAll('.why, .sums')].filter((one) => one.scrollWidth > one.clientWidth).length"
    assert page.evaluate(cut) == 0, "paper can't be hovered"
    assert page.evaluate("getComputedStyle(document.body).getPropertyValue('--attention').trim()") == "#8a5200"


def test_on_a_phone_what_one_came_for_is_on_the_first_screen(page: Page) -> None:
    page.set_viewport_size(PHONE)
    page.goto("/console/load-manager")
    first = page.locator("tr.till").first.bounding_box()
    assert first is not None
    assert first["y"] < PHONE["height"] - 80, "its name and its light"
    page.goto("/console/tills/caixa2/history")
    tab = page.locator(".tabs [aria-current]").bounding_box()
    assert tab is not None
    assert tab["x"] >= 0
    assert tab["x"] + tab["width"] <= PHONE["width"]
    page.goto("/console/tills/caixa1/reconciliation")
    above = "getComputedStyle(document.querySelector('main thead')).clipPath"
    assert page.evaluate(above) == "inset(50%)", "no heading stands over the first row"
    for state in ("", "polling", "away"):
        page.evaluate("(state) => document.querySelector('.live').dataset.state = state", state)
        assert page.evaluate("document.querySelector('header.top').offsetHeight") < 110, "nothing jumps"
