"""``malote till forget-lost`` and ``forget-vanished``: a till stops telling of what a person has dealt with."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import typer

from malote.bilingual import Bilingual, filled
from malote.config import Settings
from malote.rejection import Language
from malote.terminal.command import (
    FOUND,
    OK,
    ConfigOption,
    DryRunOption,
    JsonOption,
    explained,
    require_till,
    settings_of,
)
from malote.terminal.output import amount, console, print_json
from malote.till import lost_sales, vanished_files
from malote.till.lost_sales import LostFile
from malote.till.outbox import Outbox

Told = TypeVar("Told")

_SALES = (
    Bilingual("Nenhuma venda perdida.", "No sale was lost."),
    Bilingual("{count:esquecida|esquecidas}.", "{count} forgotten."),
)
_FILES = (
    Bilingual("Nenhum arquivo sumiu.", "No file vanished."),
    Bilingual("{count:esquecido|esquecidos}.", "{count} forgotten."),
)


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("forget-vanished")(forget_vanished)
    app.command("forget-lost")(forget_lost)


def forget_lost(config: ConfigOption = None, dry_run: DryRunOption = False, json: JsonOption = False) -> None:
    """Lists what was lost with a damaged outbox and did not come back, and stops telling of it.

    For sales that were looked up and booked otherwise: an XML that is put into the POS's folder ends its own line by
    itself. With --dry-run the exit status is 1 while there are any.
    """
    settings = _settings(config)
    found = _forgotten(settings, lost_sales.left_behind, lost_sales.forget, dry_run=dry_run)
    lines = [_sale(one, settings.language) for one in found]
    _tell(settings, {"lost": found}, lines, _SALES, dry_run=dry_run, json=json)


def forget_vanished(config: ConfigOption = None, dry_run: DryRunOption = False, json: JsonOption = False) -> None:
    """Lists files that vanished from the POS's folder before they were captured, and stops telling of them.

    For files that were no sales: a sale's file is put back, which ends it by itself. With --dry-run the exit status
    is 1 while there are any.
    """
    settings = _settings(config)
    found = _forgotten(settings, vanished_files.vanished, vanished_files.forget, dry_run=dry_run)
    lines = [f"{one.path}  {one.size} B" for one in found]
    _tell(settings, {"vanished": found}, lines, _FILES, dry_run=dry_run, json=json)


def _settings(config: Path | None) -> Settings:
    settings = settings_of(config)
    require_till(settings)
    return settings


def _forgotten(
    settings: Settings,
    look: Callable[[Outbox], list[Told]],
    forget: Callable[[Outbox], object],
    *,
    dry_run: bool,
) -> list[Told]:
    with explained(settings), Outbox(settings.outbox_path) as outbox:
        found = look(outbox)
        if not dry_run:
            forget(outbox)
    return found


def _tell(
    settings: Settings,
    found: dict[str, Sequence[Any]],
    lines: Sequence[str],
    words: tuple[Bilingual[str], Bilingual[str]],
    *,
    dry_run: bool,
    json: bool,
) -> None:
    """``words``: of none, and of those that are forgotten."""
    none, done = words
    if json:
        print_json({**found, "forgotten": 0 if dry_run else len(lines)})
    else:
        if not lines:
            lines = [none.of(settings.language)]
        elif not dry_run:
            lines = [*lines, filled(done.of(settings.language), count=len(lines))]
        for line in lines:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(FOUND if dry_run and any(found.values()) else OK)


def _sale(one: LostFile, language: Language) -> str:
    number = f"{one.series}/{one.number}" if one.number is not None else one.name
    total = "?" if one.total is None else amount(one.total, language)
    return f"{number}  {one.access_key or '?'}  R$ {total}"
