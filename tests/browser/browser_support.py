"""A real browser before a real server. Where no browser is found, these tests are skipped, and say so."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    ViewportSize,
    expect,
    sync_playwright,
)

from malote.accounts.roles import Role
from malote.app import Services
from tests.faces.console_support import create_user, sell, send, settle, store, till
from tests.unit.fiscal.notes import build_note

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
CUT_TEXTS = (Path(__file__).parent / "cut_texts.js").read_text(encoding="utf-8")
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",  # as root, as in CI, it starts no other way
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ALSO_FOUND = ("landmark-unique", "empty-table-header")
STORE_MONITOR: ViewportSize = {"width": 1024, "height": 768}
WIDE_DESK: ViewportSize = {"width": 1440, "height": 900}
DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

# Of the store of ``two_tills``.
PAGES = [
    "/tills",
    "/tills/caixa1",
    "/tills/caixa1/sent",
    "/tills/caixa1/kept",
    "/tills/caixa2/rejected",
    "/tills/caixa1/trash",
    "/tills/caixa1/numbering",
    "/tills/caixa1/history",
    "/documents/1",
    "/documents/4",
    "/tills/caixa1/reconciliation",
    "/load-manager",
    "/jobs",
    "/dashboard",
    "/documents",
    "/audit",
    "/users",
]

# What is looked for comes at some time, on a busy machine later.
expect.set_options(timeout=60_000)


def executable() -> str:
    """The browser; the end of the test where there is none."""
    named = os.environ.get("BROWSER_EXECUTABLE", "")
    found = named or next((path for name in NAMES if (path := shutil.which(name))), "")
    if not found:
        pytest.skip("no browser: install chromium, or name one in BROWSER_EXECUTABLE")
    return found


@contextmanager
def browsing() -> Iterator[Browser]:
    path = executable()
    with sync_playwright() as playwright:
        browser = launched(playwright, path)
        yield browser
        browser.close()


def launched(playwright: Playwright, path: str) -> Browser:
    return playwright.chromium.launch(executable_path=path, args=ARGUMENTS)


class Watched:
    """A page whose errors are remembered: any of them fails the test that made it."""

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.errors: list[str] = []
        self.expected: list[str] = []  # parts of messages that a test provokes
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(part in message.text for part in self.expected):
            self.errors.append(f"{message.text} ({message.location})")


@contextmanager
def watched(browser: Browser, address: str, **options: Any) -> Iterator[Watched]:
    """A page of a browser that has never been here, in Portuguese unless told otherwise.

    What moves without end stands still: to draw it sixty times a second cost more than all that is looked at.
    """
    chosen = {"locale": "pt-BR", "viewport": DESK, "base_url": address, "reduced_motion": "reduce"} | options
    context = browser.new_context(**chosen)
    context.set_default_timeout(120_000)
    page = Watched(context)
    try:
        yield page
        assert page.errors == [], page.errors
    finally:
        context.close()


def sign_in(page: Page, name: str, password: str) -> None:
    page.goto("/console")
    page.get_by_label("Usuário").fill(name)
    page.get_by_label("Senha").fill(password)
    page.get_by_role("button", name="Entrar").click()
    page.wait_for_url("**/console/tills")


@contextmanager
def two_tills(home: Path) -> Iterator[Services]:
    """One with sales, one with files that were rejected."""
    with store(home) as opened:
        create_user(opened, "ana", Role.ADMINISTRADOR)
        sell(opened, till(opened, "caixa1", "Frente 1"), count=3)
        settle(opened, limit=2)
        wrong = [build_note(number=number, total=1) for number in range(1, 4)]
        send(opened, till(opened, "caixa2", "Frente 2"), b"<broken>", *wrong)
        yield opened


def findings_in_all_colours(page: Page) -> dict[str, list[str]]:
    """What ``findings`` has of the page as it is, by light and dark; empty when nothing is wrong in either."""
    found: dict[str, list[str]] = {}
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        found[scheme] = findings(page)
    return {scheme: some for scheme, some in found.items() if some}


def findings(page: Page) -> list[str]:
    """What axe-core calls serious or critical, and a few rules of less weight: the rule, and where."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found: dict[str, Any] = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{violation['id']} {node['target']}: {node['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical") or violation["id"] in ALSO_FOUND
        for node in violation["nodes"]
    ]


def cut_texts(page: Page) -> list[str]:
    """Texts that nobody can read as the page stands: cut, over each other, or pushed out of sight."""
    found: list[str] = page.evaluate(CUT_TEXTS)
    return found


def is_too_wide(page: Page) -> bool:
    """Whether the page must be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
