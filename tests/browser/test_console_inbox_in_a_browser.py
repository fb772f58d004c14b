"""Through the rejected files by the keyboard, while more of them come in."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from malote.accounts.roles import Role
from tests.browser.browser_support import browsing, sign_in, watched
from tests.faces.application_serving import serving
from tests.faces.console_support import PASSWORD, application, create_user, send, store, till
from tests.unit.fiscal.notes import build_note

pytestmark = pytest.mark.browser


def test_who_goes_through_the_rejected_files_keeps_the_place_while_more_come_in(tmp_path: Path) -> None:
    with store(tmp_path) as services:
        create_user(services, "ana", Role.ADMINISTRADOR)
        sender = till(services)
        send(services, sender, *(build_note(number=number, total=100) for number in (1, 2, 3)))
        with browsing() as browser, serving(application(services)) as address, watched(browser, address) as opened:
            page = opened.page
            sign_in(page, "ana", PASSWORD)
            page.goto("/console/tills/caixa1/rejected")
            rows = page.locator("tr[data-preview]")
            second = rows.nth(1).locator("th a").inner_text()
            page.keyboard.press("j")
            page.keyboard.press("j")
            expect(rows.nth(1)).to_have_class("on")
            send(services, sender, build_note(number=4, total=100))
            expect(rows).to_have_count(4)
            looked = page.locator("tr[data-preview].on")
            expect(looked.locator("th a")).to_have_text(second)
            page.keyboard.press("x")
            expect(looked.get_by_role("checkbox")).to_be_checked()
