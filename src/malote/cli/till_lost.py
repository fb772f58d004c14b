"""``malote till forget-lost``: sales that were lost with a damaged outbox, once a person has dealt with them."""

import typer

from malote.cli.common import (
    FOUND,
    OK,
    ConfigOption,
    DryRunOption,
    JsonOption,
    amount,
    console,
    fail,
    print_json,
    require_till,
    settings_of,
)
from malote.till import lost
from malote.till.outbox import Outbox
from malote.till.storage import OutboxError

_DONE = {"pt": "{count} esquecida(s).", "en": "{count} forgotten."}
_NONE = {"pt": "Nenhuma venda perdida.", "en": "No sale was lost."}


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command("forget-lost")(forget_lost)


def forget_lost(config: ConfigOption = None, dry_run: DryRunOption = False, json: JsonOption = False) -> None:
    """Lists what was lost with a damaged outbox and did not come back, and stops telling of it.

    For sales that were looked up and booked otherwise: an XML that is put into the POS's folder ends its own line by
    itself. With --dry-run the exit status is 1 while there are any.
    """
    settings = settings_of(config)
    require_till(settings)
    try:
        with Outbox(settings.outbox_path) as outbox:
            found = lost.left_behind(outbox)
            if not dry_run:
                lost.forget(outbox)
    except OutboxError as error:
        fail(error.code, error.facts, settings)
    if json:
        print_json({"lost": found, "forgotten": 0 if dry_run else len(found)})
    else:
        for one in found:
            total = "?" if one.total is None else amount(one.total, settings.language)
            number = f"{one.series}/{one.number}" if one.number is not None else one.name
            console.print(
                f"{number}  {one.access_key or '?'}  R$ {total}", markup=False, highlight=False, soft_wrap=True
            )
        words = _NONE if not found else {} if dry_run else _DONE
        if words:
            said = words[settings.language].format(count=len(found))
            console.print(said, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(FOUND if dry_run and found else OK)
