"""Somebody who knows nothing and presses only what the Assistente highlights, filling in what a field asks for."""

import json
import time
from collections.abc import Callable
from contextlib import suppress

from playwright.sync_api import Error, Page

# What a person would type, by the mark of the field.
TYPED = {
    "dba-user": "system",
    "dba-password": "demonstracao",
    "kill-reason": "segura as vendas",
    "accept-reason": "cópia cortada; a nota inteira subiu",
}
_BY_NAME = {"reason": "conferido com a loja", "new_code": "1007"}
_STEP_SECONDS = 0.7
_NAMED = """() => [
    ...[...document.querySelectorAll("[data-assistant-body] [data-code]")].map(one => one.dataset.code),
    ...[...document.querySelectorAll("[data-assistant-body] li[data-step]")]
        .filter(one => ["now", "handed", "going"].includes(one.className)).map(one => one.dataset.step),
]"""
_WAY_MILLISECONDS = 10_000


def open_drawer(page: Page, till: str = "") -> None:
    page.goto(f"/console/tills/{till}" if till else "/console/tills")
    kept = json.dumps({"open": True, "till": "", "pinned": till})
    page.evaluate("kept => sessionStorage.setItem('malote-assistant', kept)", kept)
    page.reload()
    page.wait_for_selector("[data-assistant-body]")


def verdict(page: Page) -> str:
    """What the drawer says; "" while it says nothing, or the page changes."""
    try:
        body = page.query_selector("[data-assistant-body]")
        return (body.get_attribute("data-verdict") or "") if body else ""
    except Error:
        return ""


def named(page: Page) -> set[str]:
    """Codes of all that the drawer names as a cause, and the steps that are to be done or are another's."""
    return set(page.evaluate(_NAMED))


def press(page: Page, seconds: float, note: Callable[[set[str]], None] = lambda _: None) -> tuple[str, list[str]]:
    """Until it is resolved, or nothing is left to press: how it ended, and what was pressed. ``note``: what is told
    of all that is named meanwhile."""
    until, pressed, still = time.monotonic() + seconds, list[str](), 0
    while time.monotonic() < until and still < 4:
        with suppress(Error):  # the page changes
            note(named(page))
        try:
            done = _press_once(page)
        except Error:  # the page changed under the finger
            done = ""
        if done:
            pressed.append(done)
            still = 0
        elif verdict(page) == "resolved":
            still += 2
        elif verdict(page) in ("handed", "support"):
            still += 1
        time.sleep(_STEP_SECONDS)
    return verdict(page), pressed


def _press_once(page: Page) -> str:
    found = page.query_selector(".press-next")
    if found is not None:
        mark = found.get_attribute("data-press") or found.get_attribute("name") or ""
        if mark in TYPED:
            found.fill(TYPED[mark])
            return f"typed {mark}"
        _fill_form_of(page)
        found.click(timeout=_WAY_MILLISECONDS)
        return mark
    own = page.query_selector("[data-assistant-form] button")
    if own is not None:
        own.click(timeout=_WAY_MILLISECONDS)
        return "go on"
    way = page.query_selector("[data-assistant-way]")
    if way is not None:
        way.click(timeout=_WAY_MILLISECONDS)
        with suppress(Error):  # on a busy machine the page it leads to asks for seconds what to highlight
            page.wait_for_selector(".press-next", timeout=_WAY_MILLISECONDS)
        return "way"
    return ""


def _fill_form_of(page: Page) -> None:
    """The fields that the highlighted button's own form asks for, as far as the page proposes nothing."""
    for choice in page.query_selector_all("form:has(.press-next) select[required]"):
        if not choice.input_value():
            choice.select_option(index=1)
    for field in page.query_selector_all("form:has(.press-next) input[required]"):
        if not field.input_value():
            field.fill(_BY_NAME.get(field.get_attribute("name") or "", "1"))
