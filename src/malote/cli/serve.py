"""``malote serve``: the billing server."""

import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from malote.bilingual import Bilingual, filled
from malote.config import Settings, file_of
from malote.garbage_collection import collect_seldom
from malote.loopback import is_loopback
from malote.terminal.command import ConfigOption, fail, services_of, warn
from malote.terminal.logs import set_up_logs
from malote.terminal.output import amount, say

if TYPE_CHECKING:
    from uvicorn import Server

    from malote.app import Services


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("serve")(serve)


def serve(
    config: ConfigOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; by default server.host.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; by default server.port; 0 for any free one.")] = None,
    no_posting: Annotated[bool, typer.Option("--no-posting", help="Leave posting to `malote post`.")] = False,
) -> None:
    """Takes sales from the tills and the drop folder, and posts them to the ERP, until Ctrl-C."""
    set_up_logs(for_good=True)
    with services_of(config, creates=True) as services, _listening(services, host, port) as listener:
        tell_open_secrets(services.settings, file_of(config))
        _serve(services, listener, posting=services.settings.server.posting and not no_posting)


def _serve(services: "Services", listener: socket.socket, *, posting: bool) -> None:
    from malote.api import listening
    from malote.api.application import create_app
    from malote.app_console import console_services
    from malote.app_workers import running, workers
    from malote.console import warming
    from malote.console.router import console, front_door

    def stopping() -> bool:
        return server.should_exit

    views = console_services(services)
    pages = console(views, stopping=stopping)
    server = listening.server(create_app(services, pages=[front_door, pages], stopping=stopping), services.settings)
    # Pouches are read by threads that never rest; the loop that feeds them must not wait 5 ms for each step.
    sys.setswitchinterval(0.0005)
    stop = threading.Event()
    chosen = workers(services, posting=posting, place=":".join(map(str, listener.getsockname()[:2])))
    chosen["first views"] = partial(warming.run, views)
    with _told_to_stop(stop, server), running(chosen, stop):
        _announce(services, listener)
        collect_seldom()
        server.run(sockets=[listener])
    say(Bilingual("Parado.", "Stopped.").of(services.settings.language), err=True)


@contextmanager
def _listening(services: "Services", host: str | None, port: int | None) -> Iterator[socket.socket]:
    """The server's socket, bound before anything starts: a port in use ends the command with a reason."""
    chosen = services.settings.server
    address = (host or chosen.host, chosen.port if port is None else port)
    try:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        listener = socket.create_server(address, family=family, backlog=1024)
    except OSError as error:
        facts = {"address": f"{address[0]}:{address[1]}", "detail": error.strerror or str(error)}
        fail("address_in_use", facts, services.settings)
    with listener:
        yield listener


@contextmanager
def _told_to_stop(stop: threading.Event, server: "Server") -> Iterator[None]:
    """A signal ends everything after the work under way; a second one is left to the system.

    The HTTP server has its own handlers while it runs, and passes the signal on here afterwards.
    """
    names = ("SIGINT", "SIGTERM", "SIGBREAK")
    numbers = [number for name in names if (number := getattr(signal, name, None)) is not None]
    before = {number: signal.getsignal(number) for number in numbers}

    def tell(number: int, _frame: object) -> None:
        server.should_exit = True
        stop.set()
        signal.signal(number, before[number])

    for number in numbers:
        signal.signal(number, tell)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def tell_open_secrets(settings: Settings, settings_file: Path | None) -> None:
    """Warns of files with passwords that every user of this computer can read."""
    from malote.setup import secret_files

    for found in secret_files.examine(settings, settings_file):
        if found.code == "secret_open":
            warn(found.code, found.facts, settings)


_LEFT = Bilingual(
    "De antes: {count:documento|documentos} a lançar, R$ {total}",
    "From before: {count:document|documents} to be booked, R$ {total}",
)
_INTERRUPTED = Bilingual(
    "; {count:estava|estavam} em lançamento quando o servidor parou, e cada um será lançado uma só vez",
    "; {count:was|were} being booked when the server ended, and each will be booked once",
)


def _tell_left(services: "Services") -> None:
    """What a restart finds: nobody should have to ask whether something was lost."""
    from malote.register.startup_backlog import left_behind

    language = services.settings.language
    left = left_behind(services.engine)
    if left.documents:
        words = filled(_LEFT.of(language), count=left.documents, total=amount(left.total, language))
        say(words + (filled(_INTERRUPTED.of(language), count=left.interrupted) if left.interrupted else "") + ".")


def _announce(services: "Services", listener: socket.socket) -> None:
    from malote.terminal import first_access

    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    words, stop = Bilingual(("Atendendo em", "Ctrl-C para."), ("Listening on", "Ctrl-C stops.")).of(
        services.settings.language
    )
    say(f"{words} http://{shown}:{port} · {stop}")
    say(f"Console: http://{shown}:{port}/console")
    _tell_left(services)
    first_access.tell(services)
    if services.settings.store.shadow:
        warn("shadow_on", {}, services.settings)
    if not is_loopback(host) and not services.settings.server.trusted_proxies:
        warn("server_in_clear", {"address": f"{shown}:{port}"}, services.settings)
