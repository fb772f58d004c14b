"""``malote rejected reverse|seen|keep|book``: what a person decides about documents that are in each other's way."""

from typing import TYPE_CHECKING

import typer

from malote.bilingual import Bilingual
from malote.terminal.audit_reason import ReasonOption
from malote.terminal.command import ConfigOption, JsonOption, services_of
from malote.terminal.document_selection import IdArgument, end, show_refused
from malote.terminal.output import print_json, say

if TYPE_CHECKING:
    from malote.quarantine.quarantine_reports import CureReport
    from malote.rejection import Language


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("reverse")(reverse)
    app.command("seen")(seen)
    app.command("keep")(keep)
    app.command("book")(book)


def reverse(number: IdArgument, reason: ReasonOption, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Lets a document take the place of what the ERP has in its way and was never authorised: that is reversed."""
    from malote.accounts.audit import command_line

    with services_of(config) as services:
        report = services.quarantine.reverse_booked(number, command_line(), reason=reason)
        _told(report, services.settings.language, json=json)


def seen(number: IdArgument, reason: ReasonOption, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Takes the flag off a booked document that somebody has looked at: it stands as it is."""
    from malote.accounts.audit import command_line

    with services_of(config) as services:
        report = services.quarantine.mark_seen(number, command_line(), reason=reason)
        _told(report, services.settings.language, json=json)


def keep(number: IdArgument, reason: ReasonOption, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Settles a document that is no sale, or whose sale is another note: kept, not booked, and nobody asked again."""
    from malote.accounts.audit import command_line

    with services_of(config) as services:
        report = services.quarantine.keep_unbooked(number, command_line(), reason=reason)
        _told(report, services.settings.language, json=json)


def book(number: IdArgument, reason: ReasonOption, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Books a document that was kept as no sale and is one after all. Exit status 1 if something else is against it."""
    from malote.accounts.audit import command_line

    with services_of(config) as services:
        report = services.quarantine.book_sale(number, command_line(), reason=reason)
        language = services.settings.language
        _told(report, language, json=json)
    if not json:
        show_refused(report.replay.refused, language)
    end(report.replay.refused)


def _told(report: "CureReport", language: "Language", *, json: bool) -> None:
    if json:
        print_json(report)
        return
    say(Bilingual("Registrado.", "Recorded.").of(language))
    if report.replay.replayed:
        say(Bilingual("De volta à fila; é lançado em seguida.", "Back in the queue; it is booked next.").of(language))
