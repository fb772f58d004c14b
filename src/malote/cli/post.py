"""``malote post``: the way into the production database."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from malote.bilingual import Bilingual
from malote.garbage_collection import collect_seldom
from malote.terminal.command import ConfigOption, services_of
from malote.terminal.logs import set_up_logs
from malote.terminal.output import say

if TYPE_CHECKING:
    from malote.app import Services

OnceOption = Annotated[bool, typer.Option("--once", help="Post what is due now, and end.")]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command("post")(post)


def post(config: ConfigOption = None, once: OnceOption = False) -> None:
    """Books accepted sales in the ERP until Ctrl-C. Several may run, on several machines."""
    set_up_logs(for_good=True)
    with services_of(config, creates=True) as services:
        _post(services, once=once)


def _post(services: "Services", *, once: bool) -> None:
    from malote.app_workers import build_poster

    settings = services.settings
    poster = build_poster(settings, services)
    if once:
        handled = poster.drain()
        say(Bilingual(f"Documentos tratados: {handled}", f"Documents handled: {handled}").of(settings.language))
        return
    stop = threading.Event()
    collect_seldom()
    with _told_to_stop(stop):
        poster.run(stop)
    say(Bilingual("Parado.", "Stopped.").of(settings.language), err=True)


@contextmanager
def _told_to_stop(stop: threading.Event) -> Iterator[None]:
    """Signals end the loop after the batch under way; a second one is left to the system."""
    names = ("SIGINT", "SIGTERM", "SIGBREAK")
    numbers = [number for name in names if (number := getattr(signal, name, None)) is not None]
    before = {number: signal.getsignal(number) for number in numbers}

    def tell(number: int, frame: object) -> None:
        stop.set()
        signal.signal(number, before[number])

    for number in numbers:
        signal.signal(number, tell)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
