"""What the first view after a start would have to make: statements, templates, and what is known of all tills for a
while. Who comes first gets a page as fast as whoever comes next."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from malote import log as logs
from malote.console.console_services import ConsoleServices
from malote.console.pages import load_manager, management, reconciliation
from malote.console.rendering import environment
from malote.database.errors import StoreError

AFTER_SECONDS = 2.0  # first what takes sales
_VIEWS: tuple[Callable[[ConsoleServices, Mapping[str, str]], Mapping[str, Any]], ...] = (
    management.context,
    load_manager.tills,
    reconciliation.context,
)
_TEMPLATES = (
    *("layout", "icons", "words", "preferences", "verdict", "progress", "plot_words"),
    *("tills", "tills.live", "till_rows"),
    *("load_tills", "load_tills.live", "load_rows", "load_said", "load_words"),
    *("reconciliation", "reconciliation.live", "board_words"),
)

log = logs.get_logger("malote.console")


def run(services: ConsoleServices, stop: threading.Event) -> None:
    """A worker: warms once, and rests."""
    if not stop.wait(AFTER_SECONDS):
        warm(services)
    stop.wait()


def warm(services: ConsoleServices) -> None:
    """What can't be asked now is asked by whoever comes first."""
    pages = environment(services.language, services.zone())
    for name in _TEMPLATES:
        pages.get_template(f"{name}.html")
    try:
        for context in _VIEWS:
            context(services, {})
    except StoreError as error:
        log.info("not_warmed", code=error.code)
