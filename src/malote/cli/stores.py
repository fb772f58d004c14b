"""``malote stores``: many servers of one machine at a glance, each in a folder of its own."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from malote import rejection
from malote.bilingual import Bilingual
from malote.config import Settings, SettingsError, load
from malote.rejection import Language
from malote.setup.settings_file import FILE_NAME
from malote.terminal.command import FOUND, WRONG_USAGE, JsonOption
from malote.terminal.output import console, print_json, say
from malote.terminal.tables import plain_table

FoldersArgument = Annotated[
    list[Path], typer.Argument(help="Folders of servers, or folders that hold such folders.", exists=True)
]
_HEADINGS: Bilingual[tuple[str, ...]] = Bilingual(
    ("Loja", "Caixas", "Parados", "Atenção", "Fora do ERP", "Pendentes", "Em espera", "Rejeitadas", "Console"),
    ("Store", "Tills", "Stopped", "Attention", "Not in ERP", "Pending", "Waiting", "Rejected", "Console"),
)


class StoreLine(msgspec.Struct, frozen=True):
    """One server. Of one that can't be looked at, ``code`` says why. ``outside``: documents that the ERP lost."""

    name: str
    folder: str
    console: str
    language: Language = "pt"
    code: str = ""
    tills: int = 0
    stopped: int = 0
    attention: int = 0
    outside: int = 0
    pending: int = 0
    waiting: int = 0
    rejected: int = 0

    @property
    def troubled(self) -> bool:
        return bool(self.code or self.stopped or self.attention or self.outside)


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command("stores")(stores)


def stores(folders: FoldersArgument, json: JsonOption = False) -> None:
    """Shows each server of these folders in a line: tills, lights, what is pending, waiting and rejected.

    One that can't be looked at says why, and keeps none of the others from being shown. Exit status 1 if any of them
    needs somebody.
    """
    found = [_line(path) for path in _files(folders)]
    if not found:
        say(f"{FILE_NAME}?", err=True)
        raise typer.Exit(WRONG_USAGE)
    if json:
        print_json(found)
    else:
        _print(found)
    if any(one.troubled for one in found):
        raise typer.Exit(FOUND)


def _files(folders: list[Path]) -> Iterator[Path]:
    for folder in folders:
        own = folder / FILE_NAME
        yield from [own] if own.is_file() else sorted(folder.glob(f"*/{FILE_NAME}"))


def _line(path: Path) -> StoreLine:
    from malote.database.errors import StoreError

    folder = str(path.parent)
    try:
        # A variable of the environment is meant for one server, never for all of them.
        settings = load(path, {})
        line = StoreLine(settings.store.name, folder, _console(settings), settings.language)
        if settings.store_file is not None and not settings.store_file.exists():
            return msgspec.structs.replace(line, code="store_missing")
        return _looked(settings, line)
    except (SettingsError, StoreError) as error:
        return StoreLine(path.parent.name, folder, "", code=error.code)


def _looked(settings: Settings, line: StoreLine) -> StoreLine:
    """Raises ``StoreError``, ``SettingsError``."""
    from malote.database.opened import opened_store
    from malote.findings import lights as findings
    from malote.register import till_documents

    now = time.time()
    with opened_store(settings) as store:
        lights = findings.tills(store.engine, findings.TillsQuery(size=1), now=now).lights
        tills = till_documents.status(store.engine, now=now)
    return msgspec.structs.replace(
        line,
        tills=len([one for one in tills if not one.disabled]),
        stopped=lights["outside"] + lights["stopped"],
        attention=lights["attention"],
        outside=sum(one.outside for one in tills),
        pending=sum(one.pending for one in tills),
        waiting=sum(one.waiting for one in tills),
        rejected=sum(one.rejected for one in tills),
    )


def _console(settings: Settings) -> str:
    return f"http://{settings.server.host}:{settings.server.port}/console"


def _print(found: list[StoreLine]) -> None:
    language = found[0].language
    table = plain_table(_HEADINGS.of(language))
    for one in found:
        counts = (one.tills, one.stopped, one.attention, one.outside, one.pending, one.waiting, one.rejected)
        if one.code:
            table.add_row(one.name, *["–"] * len(counts), f"{rejection.title(one.code, language)} [{one.code}]")
        else:
            table.add_row(one.name, *map(str, counts), Text(one.console, overflow="fold"))
    console.print(table)
