"""``malote till forget-vanished``: files that vanished before they were captured, and were no sales."""

import typer

from malote.cli.common import (
    FOUND,
    OK,
    ConfigOption,
    DryRunOption,
    JsonOption,
    console,
    fail,
    print_json,
    require_till,
    settings_of,
)
from malote.till import vanishing
from malote.till.outbox import Outbox
from malote.till.storage import OutboxError

_DONE = {"pt": "{count} esquecido(s).", "en": "{count} forgotten."}
_NONE = {"pt": "Nenhum arquivo sumiu.", "en": "No file vanished."}


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command("forget-vanished")(forget_vanished)


def forget_vanished(config: ConfigOption = None, dry_run: DryRunOption = False, json: JsonOption = False) -> None:
    """Lists files that vanished from the POS's folder before they were captured, and stops telling of them.

    For files that were no sales: a sale's file is put back, which ends it by itself. With --dry-run the exit status
    is 1 while there are any.
    """
    settings = settings_of(config)
    require_till(settings)
    try:
        with Outbox(settings.outbox_path) as outbox:
            found = vanishing.vanished(outbox)
            if not dry_run:
                vanishing.forget(outbox)
    except OutboxError as error:
        fail(error.code, error.facts, settings)
    if json:
        print_json({"vanished": found, "forgotten": 0 if dry_run else len(found)})
    else:
        for one in found:
            console.print(f"{one.path}  {one.size} B", markup=False, highlight=False, soft_wrap=True)
        words = _NONE if not found else {} if dry_run else _DONE
        if words:
            said = words[settings.language].format(count=len(found))
            console.print(said, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(FOUND if dry_run and found else OK)
