"""``malote till run`` and ``malote till status``: the agent beside the POS."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from malote import rejection
from malote.bilingual import Bilingual, filled
from malote.config import Settings
from malote.garbage_collection import collect_seldom
from malote.rejection import Language
from malote.terminal.command import (
    FAILED,
    FOUND,
    OK,
    ConfigOption,
    JsonOption,
    explained,
    require_till,
    settings_of,
)
from malote.terminal.output import console, errors, print_json, say
from malote.terminal.till_report import as_json, as_tables
from malote.terminal.till_troubles import exit_status, seen_as_json, seen_as_tables
from malote.till.diagnosis import look
from malote.till.outbox import Outbox
from malote.till.setup import placed, prepare
from malote.till.status import status as status_of
from malote.till.storage import OutboxError
from malote.till.trouble_notices import TroubleNotice, Voice

if TYPE_CHECKING:
    from malote.till.agent import Agent
    from malote.till.draining import Drained

_BAR_AFTER_SECONDS = 1.0

OnceOption = Annotated[bool, typer.Option("--once", help="Send what is there, wait until it is proven, and end.")]
TimeoutOption = Annotated[
    float | None,
    typer.Option("--timeout", min=0.0, metavar="SECONDS", help="With --once: end after that long at most."),
]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("run")(run)
    app.command("status")(status)


def run(config: ConfigOption = None, once: OnceOption = False, timeout: TimeoutOption = None) -> None:
    """Takes what the POS writes to the billing server, until it is stopped.

    With --once the exit status is 0 when all is proven, 1 when something waits or was rejected, 3 when the server
    could not be reached.
    """
    settings = settings_of(config)
    agent = _agent(settings)
    with explained(settings), _stopping(agent), closing(_Bar()) as bar:
        if not once:
            _tell_left(settings)
            _tell_working(settings)
            agent.run()
            raise typer.Exit(OK)
        drained = agent.drain(timeout, bar.show)
    raise typer.Exit(_ended(drained, settings.language))


_LEFT = Bilingual(
    "De antes: {unsent:arquivo|arquivos} a enviar, {unproven} no servidor sem prova.",
    "From before: {unsent:file|files} to be sent, {unproven} at the server and not proven.",
)


def _tell_left(settings: Settings) -> None:
    """What a restart finds in the outbox; one that can't be read is the agent's to mend, and to tell."""
    try:
        before = status_of(settings.outbox_path, time.time())
    except OutboxError:
        return
    if before is not None and (before.pending or before.counts.accepted):
        say(filled(_LEFT.of(settings.language), unsent=before.pending, unproven=before.counts.accepted), err=True)


_WORKING = Bilingual(
    "O agente leva as vendas de {folder} para {server} · Ctrl-C para; malote till status mostra como vai.",
    "The agent takes sales from {folder} to {server} · Ctrl-C stops; malote till status shows how it goes.",
)


def _tell_working(settings: Settings) -> None:
    till = placed(settings)
    say(_WORKING.of(settings.language).format(folder=till.folder, server=till.server), err=True)


def status(config: ConfigOption = None, json: JsonOption = False) -> None:
    """How many sales wait, are proven or were rejected, and why; and what lies in the POS's folder.

    Exit status 0 when all is right, 1 when a person must act, 3 when the outbox can't be read, 4 when files in the
    folder are not captured, 5 when the machine is in trouble (disk, folder, clock), 6 when sales are lost here.
    """
    settings = settings_of(config)
    require_till(settings)
    with explained(settings):
        found = status_of(settings.outbox_path, time.time())
        seen = look(settings.outbox_path, placed(settings), time.time())
    if json:
        print_json(as_json(found, settings) | seen_as_json(seen, settings, time.time()))
    else:
        for part in (*as_tables(found, settings), *seen_as_tables(seen, settings)):
            console.print(part, markup=False, highlight=False)
    raise typer.Exit(exit_status(found, seen))


def _agent(settings: Settings) -> "Agent":
    from malote.till.agent import Agent

    with explained(settings):
        setup = prepare(settings)
    collect_seldom()
    voice = Voice(lambda notice: _say(notice, settings.language))
    return Agent(setup.outbox, setup.settings, setup.token, voice)


@contextmanager
def _stopping(agent: "Agent") -> Iterator[None]:
    """Ctrl-C, SIGTERM and a Windows console's Ctrl-Break end the agent cleanly."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = [signal.SIGINT, signal.SIGTERM]
    if sys.platform == "win32":
        names.append(signal.SIGBREAK)
    before = {name: signal.signal(name, lambda *_: agent.stop()) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


class _Bar:
    """Shown on a terminal only, and only once the work takes longer than a moment."""

    def __init__(self) -> None:
        columns = (TextColumn("malote"), BarColumn(), MofNCompleteColumn())
        self._progress = Progress(*columns, console=errors, transient=True)
        self._due = time.monotonic() + _BAR_AFTER_SECONDS
        self._task = self._progress.add_task("", total=None)
        self._shown = False

    def show(self, outbox: Outbox) -> None:
        if not errors.is_terminal or time.monotonic() < self._due:
            return
        self._due = time.monotonic() + 0.2
        counts = outbox.counts()
        done = counts.posted + counts.kept + counts.rejected + counts.discarded + counts.held
        if not self._shown:
            self._progress.start()
            self._shown = True
        self._progress.update(self._task, completed=done, total=done + counts.captured + counts.accepted)

    def close(self) -> None:
        if self._shown:
            self._progress.stop()


def _say(notice: TroubleNotice, language: Language) -> None:
    code, facts = notice.problem.code, notice.problem.facts
    title = rejection.title(code, language)
    name = f"{facts['name']}: " if "name" in facts else ""
    if notice.about == "over":
        over = Bilingual("resolvido", "over").of(language)
        errors.print(f"malote: {over}: {title} [{code}]", markup=False, highlight=False, soft_wrap=True)
        return
    cause = facts.get("said") or rejection.cause(code, facts, language)
    remedy = rejection.remedy(code, facts, language)
    errors.print(f"malote: {name}{title} [{code}]: {cause} {remedy}", markup=False, highlight=False, soft_wrap=True)


def _ended(drained: "Drained", language: Language) -> int:
    counts = drained.counts
    line = Bilingual(
        "{posted:comprovada|comprovadas}, {waiting} à espera, {rejected:rejeitada|rejeitadas}, "
        "{refused:não capturada|não capturadas}",
        "{posted} proven, {waiting} waiting, {rejected} rejected, {refused} not captured",
    ).of(language)
    waiting = counts.captured + counts.held + counts.accepted
    said = filled(line, posted=counts.posted, waiting=waiting, rejected=counts.rejected, refused=drained.refused)
    if counts.kept:
        kept = Bilingual(", {kept:guardada|guardadas} sem lançar", ", {kept} kept without booking").of(language)
        said += filled(kept, kept=counts.kept)
    console.print(said, markup=False, highlight=False, soft_wrap=True)
    match drained.ending:
        case "proven":
            return OK
        case "open":
            return FOUND
        case "server_away":
            return FAILED
