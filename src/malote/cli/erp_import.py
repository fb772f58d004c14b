"""``malote erp import-ledger``: what the old system booked is known for ever, and never booked again."""

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, Self

import typer
from rich.status import Status

from malote import rejection
from malote.bilingual import Bilingual
from malote.config import Settings
from malote.terminal.audit_reason import ReasonOption
from malote.terminal.command import FOUND, ConfigOption, DryRunOption, JsonOption, fail, services_of, warn
from malote.terminal.output import errors, print_json, say

if TYPE_CHECKING:
    from malote.app import Services
    from malote.erp.protocol import Erp
    from malote.fiscal.key_lists import KeyLine
    from malote.posting.earlier_system_import import Import, Imported

KeysOption = Annotated[
    Path | None, typer.Option("--keys", help="CSV file with an access key in each line.", show_default=False)
]
QueryOption = Annotated[
    str | None,
    typer.Option("--query", help="A SELECT over the ERP that returns access keys; it can write nothing."),
]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command("import-ledger")(import_ledger)


def import_ledger(
    keys: KeysOption = None,
    query: QueryOption = None,
    column: Annotated[str, typer.Option(help="The CSV's column that holds the keys; any that does by default.")] = "",
    cancellations: Annotated[
        bool, typer.Option("--cancellations", help="The list is of sales whose cancellation is booked, not of sales.")
    ] = False,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Enters what the old system booked into the ERP's ledger: a document with such a key is kept and never booked.

    Millions of keys in batches; stopped, it is simply run again. Exit status 1 if lines held no right access key.
    """
    from malote.posting.earlier_system_import import Import

    if (keys is None) == (query is None):
        raise typer.BadParameter("--keys, --query")
    order = Import(keys.name if keys else query or "", reason.strip(), cancellations)
    with services_of(config) as services:
        settings = services.settings
        done = _imported(services, _Source(keys, query or "", column), order, dry_run=dry_run)
    if json:
        print_json(done)
    else:
        _print(done, settings)
    if done.wrong:
        raise typer.Exit(FOUND)


class _Source(NamedTuple):
    keys: Path | None
    query: str
    column: str


def _imported(services: "Services", source: _Source, order: "Import", *, dry_run: bool) -> "Imported":
    """Ends the command with what keeps it from being done; what was entered until then stays."""
    from malote.accounts.audit import command_line
    from malote.erp.factory import open_configured
    from malote.fiscal.key_lists import ListError
    from malote.posting import earlier_system_import

    settings = services.settings
    try:
        with closing(open_configured(settings)) as reading, closing(open_configured(settings)) as erp, _Bar() as bar:
            lines = _lines(reading, source)
            if dry_run:
                return earlier_system_import.foresee(erp, lines, order, bar.show)
            return earlier_system_import.enter(services.engine, erp, lines, order, command_line(), bar.show)
    except (ListError, OSError) as error:
        detail = f"{source.keys or '--query'}: {getattr(error, 'strerror', None) or error}"
        fail("keys_source_unusable", {"detail": detail}, settings)


def _lines(erp: "Erp", source: _Source) -> "Iterator[KeyLine]":
    from malote.erp.key_query import rows_of
    from malote.fiscal import key_lists

    if source.keys is not None:
        return key_lists.of_file(source.keys, source.column)
    return key_lists.of_rows(asked_rows(rows_of(erp, source.query)))


# Refusals that are the query's own fault: nothing of the store waits for them, and no retry cures them.
_OF_THE_QUERY = frozenset(
    # erp_read_only: it would write
    {"structure_outdated", "erp_refused", "erp_privilege", "value_out_of_range", "erp_read_only"}
)


def asked_rows(rows: "Iterator[list[str]]") -> "Iterator[list[str]]":
    """Raises ``ListError`` with the database's words for what the query itself is refused for, else ``ErpError``."""
    from malote.erp.protocol import ErpError
    from malote.fiscal.key_lists import ListError

    try:
        yield from rows
    except ErpError as error:
        if error.code not in _OF_THE_QUERY:
            raise
        raise ListError(error.facts.get("said") or error.detail) from error


class _Bar:
    """How far it is, for a person who waits; nothing where nobody does."""

    def __init__(self) -> None:
        self._status = Status("", console=errors) if sys.stderr.isatty() else None

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def show(self, done: "Imported") -> None:
        if self._status:
            self._status.update(f"{done.read:,}")


def _print(done: "Imported", settings: Settings) -> None:
    words = Bilingual(
        f"{done.new} incluídas, {done.known} já conhecidas, {done.wrong} sem chave certa.",
        f"{done.new} entered, {done.known} known already, {done.wrong} without a right key.",
    )
    if done.dry_run:
        words = Bilingual(f"Seria assim: {words.pt}", f"Would be so: {words.en}")
    say(words.of(settings.language))
    if done.examples:
        first = done.examples[0]
        warn(
            "keys_unreadable",
            {"count": str(done.wrong), "line": str(first.number), "found": first.found},
            settings,
        )
        say(rejection.remedy("keys_unreadable", {}, settings.language), err=True)
