"""``malote trash missing|accept``: deleted sales that the ERP lacks, and why they need not be booked."""

from typing import Annotated

import typer

from malote.bilingual import Bilingual
from malote.terminal.audit_reason import ReasonOption
from malote.terminal.command import FOUND, WRONG_USAGE, ConfigOption, JsonOption, services_of
from malote.terminal.document_selection import AllOption, TillOption
from malote.terminal.output import amount, errors, print_json, say

NumbersArgument = Annotated[
    list[int] | None, typer.Argument(help="The documents' numbers, as listed.", metavar="[NUMBER]...")
]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("missing")(missing)
    app.command("accept")(accept)


def missing(till: TillOption = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Lists what was deleted and the ERP lacks: not booked since, and accepted by nobody. Exit status 1 if any."""
    from malote.register import till_documents
    from malote.spool import deleted_unbooked

    with services_of(config) as services:
        found = [
            till_documents.document(services.engine, one) for one in deleted_unbooked.listed(services.engine, till)
        ]
        language = services.settings.language
    if json:
        print_json(found)
    elif not found:
        say(Bilingual("Nada do que foi apagado falta.", "Nothing deleted is missing.").of(language))
    for one in [] if json else found:
        number = f"{one.series}/{one.number}" if one.number is not None else one.file_name
        say(f"{one.id} · {one.till} · {number} · R$ {amount(one.total or 0, language)} · {one.access_key or '–'}")
    if found:
        raise typer.Exit(FOUND)


def accept(
    reason: ReasonOption,
    numbers: NumbersArgument = None,
    till: TillOption = None,
    everything: AllOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Says why deleted sales need not be booked: these, all of a till, or all there are (--all)."""
    from malote.accounts.audit import command_line

    with services_of(config) as services:
        if not numbers and till is None and not everything:
            told = Bilingual("Quais? Dê números, --till ou --all.", "Which? Give numbers, --till or --all.").of(
                services.settings.language
            )
            errors.print(told)
            raise typer.Exit(WRONG_USAGE)
        done = services.quarantine.accept_unbooked(till, numbers or None, command_line(), reason=reason)
        value = amount(done.total, services.settings.language)
    if json:
        print_json(done)
    else:
        count = len(done.documents)
        say(
            Bilingual(f"Registrado: {count}, R$ {value}.", f"Recorded: {count}, R$ {value}.").of(
                services.settings.language
            )
        )
