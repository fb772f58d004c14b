"""The Assistente's mark on the page that is to be pressed next."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from malote.app import Services
from malote.spool.documents import Reason, Settlement
from malote.tills.till import find_till
from tests.browser.browser_support import browsing, sign_in, two_tills, watched
from tests.engines.posting_support import until
from tests.faces.application_serving import serving
from tests.faces.console_support import PASSWORD, application, sell

pytestmark = pytest.mark.browser


_LOSSES = """() => {
    window.losses = window.refreshes = 0;
    document.body.addEventListener("htmx:afterSettle", () => (window.refreshes += 1));
    new MutationObserver(() => (window.losses += !document.querySelector(".press-next")))
        .observe(document.querySelector("input[name=reason]"), {attributes: true, attributeFilter: ["class"]});
}"""


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    with two_tills(tmp_path) as opened:
        yield opened


@pytest.fixture
def page(services: Services) -> Iterator[Page]:
    with browsing() as browser, serving(application(services)) as address, watched(browser, address) as opened:
        sign_in(opened.page, "ana", PASSWORD)
        yield opened.page


def test_what_is_pointed_out_stays_so_and_never_undoes_what_was_pressed(services: Services, page: Page) -> None:
    sender = find_till(services.engine, "caixa1")
    (leased,) = services.spool.lease("test", 1, 60.0)
    services.spool.settle([Settlement(leased.id, leased.lease, "rejected", Reason("divergent_content"))])
    place = f"/console/documents/{leased.id}"
    # On a busy machine the drawer goes on saying what was next before.
    said = f'<div data-assistant-body data-verdict="person" data-marks="cure" data-to="{place}"></div>'
    page.route("**/console/assistant*", lambda route: route.fulfill(body=said, content_type="text/html"))
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(place)
    page.get_by_role("link", name="Assistente").click()
    field = page.locator("input[name=reason]")
    expect(field).to_have_class("press-next")
    assert page.locator("header .nav").evaluate("nav => nav.scrollWidth <= nav.clientWidth"), "no way is cut off"
    # The page refreshes around it, and it does not blink.
    page.evaluate(_LOSSES)
    sell(services, sender, first=60)
    until(lambda: page.evaluate("window.refreshes") > 0)
    assert page.evaluate("window.losses") == 0
    field.fill("conferido com a loja")
    keep = page.get_by_role("button", name="Guardar sem lançar")
    expect(keep).to_have_class(re.compile("press-next"))
    keep.click()
    expect(page.get_by_role("button", name="Lançar", exact=True)).to_be_visible()
    expect(page.locator(".press-next")).to_have_count(0)


def test_the_end_is_in_sight_wherever_the_last_step_stood(page: Page) -> None:
    above = "<p>antes</p>" * 60
    step = '<ol class="assistant-steps"><li class="now" data-step="locks">6</li></ol>'
    told = [f"<div data-assistant-body>{above}{step}</div>"]
    page.route("**/console/assistant*", lambda route: route.fulfill(body=told[0], content_type="text/html"))
    page.get_by_role("link", name="Assistente").click()
    drawer = page.locator("#assistant")
    until(lambda: drawer.evaluate("drawer => drawer.scrollTop") > 0)
    told[0] = f"<div data-assistant-body><p>Vendas subiram</p>{above}</div>"
    expect(page.get_by_text("Vendas subiram")).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(page.get_by_role("link", name="Assistente")).to_be_focused()
    page.keyboard.press("g")
    page.keyboard.press("s")
    expect(drawer).to_be_focused()
    page.unroute("**/console/assistant*")
    page.goto("/console/tills/caixa1")
    of_one, of_all = (drawer.locator(".assistant-head p", has_text=it) for it in ("Caixa caixa1", "Todos os caixas"))
    expect(of_one).to_be_visible()
    page.goto("/console/tills")
    expect(of_all).to_be_visible()  # beside a verdict over all of them
    page.evaluate("kept => sessionStorage.setItem('malote-assistant', kept)", '{"open": true, "pinned": "caixa1"}')
    page.reload()
    expect(of_one).to_be_visible()
    page.get_by_role("link", name="Resolver passo a passo").click()
    expect(of_all).to_be_visible()
