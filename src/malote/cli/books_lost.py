"""``malote books lost`` and ``accept-lost``: sales that tills lost with their disks, and a person's word for them."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from malote.bilingual import Bilingual
from malote.terminal.audit_reason import ReasonOption, checked_reason
from malote.terminal.book_options import TillOption, lost_sale
from malote.terminal.command import FOUND, ConfigOption, DryRunOption, JsonOption, services_of
from malote.terminal.output import amount, print_json, say

if TYPE_CHECKING:
    pass


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("lost")(lost)
    app.command("accept-lost")(accept_lost)


def lost(
    till: TillOption = None,
    accepted: Annotated[bool, typer.Option("--accepted", help="Also those that somebody answered for.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Lists the sales that tills lost with their disks and that never came, by number and value.

    Exit status 1 while there are any that nobody answered for.
    """
    from malote.books import note_findings
    from malote.books.accepting import lost as listed
    from malote.business_day import business_day

    with services_of(config) as services:
        note_findings.look(services.engine, business_day(services.settings.books), time.time())
        found = listed(services.engine, till, accepted=accepted)
        language = services.settings.language
    if json:
        print_json(found)
    elif not found:
        say(Bilingual("Nenhuma venda perdida.", "No sale was lost.").of(language))
    else:
        for one in found:
            said = "" if one.accepted_at is None else Bilingual(" (aceita)", " (accepted)").of(language)
            say(lost_sale(one, language) + said)
    if any(one.accepted_at is None for one in found):
        raise typer.Exit(FOUND)


def accept_lost(
    till: Annotated[str, typer.Argument(help="Whose sales.", metavar="TILL")],
    reason: ReasonOption,
    dry_run: DryRunOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """A person answers for the sales that a till lost: lights tell of them no more.

    One whose XML is found is booked as any other, and needs no answer. The audit trail has who, how much and why.
    """
    from malote.accounts.audit import command_line
    from malote.books import accepting

    reason = checked_reason(reason)
    with services_of(config) as services:
        if dry_run:
            found = accepting.lost(services.engine, till)
            count, total = len(found), sum(one.total or 0 for one in found)
        else:
            count, total = accepting.accept_lost(services.engine, till, command_line(), reason, time.time())
        language = services.settings.language
    if json:
        print_json({"accepted": 0 if dry_run else count, "found": count, "total": total})
    elif not count:
        say(Bilingual("Nenhuma venda perdida.", "No sale was lost.").of(language))
    else:
        words = Bilingual("Seriam aceitas", "Would be accepted") if dry_run else Bilingual("Aceitas", "Accepted")
        say(f"{words.of(language)}: {count}, R$ {amount(total, language)}.")
