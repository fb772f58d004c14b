"""``malote rejected reverse|seen|keep``: what a person decides about documents that are in each other's way."""

from typing import TYPE_CHECKING, Annotated

import typer

from malote.cli.common import ConfigOption, JsonOption, print_json, say
from malote.cli.quarantine import quarantine_of
from malote.cli.rejected_actions import IdArgument

if TYPE_CHECKING:
    from malote.quarantine.reports import CureReport
    from malote.rejection import Language

ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.", metavar="TEXT")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("reverse")(reverse)
    app.command("seen")(seen)
    app.command("keep")(keep)


def reverse(number: IdArgument, reason: ReasonOption, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Lets a document take the place of what the ERP has in its way and was never authorised: that is reversed."""
    from malote.accounts.audit import command_line

    with quarantine_of(config) as services:
        report = services.quarantine.reverse_booked(number, command_line(), reason=reason)
        _told(report, services.settings.language, json=json)


def seen(number: IdArgument, reason: ReasonOption, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Takes the flag off a booked document that somebody has looked at: it stands as it is."""
    from malote.accounts.audit import command_line

    with quarantine_of(config) as services:
        report = services.quarantine.mark_seen(number, command_line(), reason=reason)
        _told(report, services.settings.language, json=json)


def keep(number: IdArgument, reason: ReasonOption, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Settles a document that is no sale, or whose sale is another note: kept, not booked, and nobody asked again."""
    from malote.accounts.audit import command_line

    with quarantine_of(config) as services:
        report = services.quarantine.keep_unbooked(number, command_line(), reason=reason)
        _told(report, services.settings.language, json=json)


def _told(report: "CureReport", language: "Language", *, json: bool) -> None:
    if json:
        print_json(report)
        return
    english = language == "en"
    say("Recorded." if english else "Registrado.")
    if report.replay.replayed:
        say("Back in the queue; it is booked next." if english else "De volta à fila; é lançado em seguida.")
