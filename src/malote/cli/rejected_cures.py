"""``malote rejected map-product``, ``map-payment``, ``assign-series``, ``accept-issuer`` and ``accept-difference``."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from malote.bilingual import Bilingual
from malote.terminal.audit_reason import ReasonOption
from malote.terminal.command import ConfigOption, JsonOption, services_of
from malote.terminal.document_selection import IdArgument, end, show_refused
from malote.terminal.job_report import carry_out
from malote.terminal.output import print_json, say

if TYPE_CHECKING:
    from pathlib import Path

    from malote.accounts.audit import Actor
    from malote.app import Services
    from malote.quarantine.cure_codes import CodeCure
    from malote.quarantine.quarantine_reports import CureReport, Refused
    from malote.quarantine.quarantine_service import Quarantine
    from malote.register.documents import StoredDocument

    Act = Callable[[Quarantine, Actor], CureReport]

OldArgument = Annotated[str, typer.Argument(help="The code as the document has it.", metavar="OLD")]
NewArgument = Annotated[str, typer.Argument(help="The code under which it is booked from now on.", metavar="NEW")]
AnywayOption = Annotated[bool, typer.Option("--anyway", help="Also to a code that the loads of the ERP don't have.")]
AloneOption = Annotated[
    bool, typer.Option("--alone", help="Replays this document alone, and not all of its till with the same reason.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("map-product")(map_product)
    app.command("map-payment")(map_payment)
    app.command("assign-series")(assign_series)
    app.command("accept-issuer")(accept_issuer)
    app.command("accept-difference")(accept_difference)


def map_product(
    number: IdArgument,
    old: OldArgument,
    new: NewArgument,
    reason: ReasonOption = "",
    anyway: AnywayOption = False,
    alone: AloneOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Books a product that the ERP calls otherwise under its code there, from now on. Exit status 1 if some stay."""

    def cure(it: "Quarantine", who: "Actor") -> "CureReport":
        return it.map_product(number, old, new, who, reason=reason, anyway=anyway)

    _cure(config, number, cure, alone=alone, json=json, mapped=("map_product", old))


def map_payment(
    number: IdArgument,
    old: OldArgument,
    new: NewArgument,
    reason: ReasonOption = "",
    anyway: AnywayOption = False,
    alone: AloneOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Books a method of payment (tPag) that the ERP lacks as another, from now on. Exit status 1 if some stay."""

    def cure(it: "Quarantine", who: "Actor") -> "CureReport":
        return it.map_payment(number, old, new, who, reason=reason, anyway=anyway)

    _cure(config, number, cure, alone=alone, json=json, mapped=("map_payment", old))


def assign_series(
    number: IdArgument,
    reason: ReasonOption = "",
    alone: AloneOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Makes a document's till the owner of its series: what waited or was refused for that goes on."""
    _cure(config, number, lambda it, who: it.assign_series(number, who, reason=reason), alone=alone, json=json)


def accept_issuer(
    number: IdArgument,
    reason: ReasonOption,
    alone: AloneOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Takes a document's issuer for one of the store's from now on. Exit status 1 if some stay."""
    _cure(config, number, lambda it, who: it.accept_issuer(number, who, reason=reason), alone=alone, json=json)


def accept_difference(
    number: IdArgument, reason: ReasonOption, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Books a document in spite of sums that differ by no more than the settings allow. Exit status 1 if it stays."""
    from malote.quarantine.quarantine_reports import Selection

    chosen = Selection((number,))
    _cure(config, number, lambda it, who: it.accept_difference(chosen, who, reason=reason), alone=True, json=json)


def _cure(
    config: "Path | None",
    number: int,
    act: "Act",
    *,
    alone: bool,
    json: bool,
    mapped: "tuple[CodeCure, str] | None" = None,
) -> None:
    from malote.accounts.audit import command_line
    from malote.quarantine import same_cause
    from malote.register import till_documents

    actor = command_line()
    with services_of(config) as services:
        parts = services.quarantine.parts
        cured, began = till_documents.document(services.engine, number), parts.clock()
        report = act(services.quarantine, actor)
        refused = [*report.refused, *report.replay.refused]
        if not json:
            _told(services, report, refused)
        if not alone and report.cured:
            refused += _others(services, cured, actor, mapped, json=json)
        new = same_cause.fell_in(parts, cured, began)
        language = services.settings.language
    if json:
        print_json({"cured": report.cured, "replayed": report.replay.replayed, "refused": refused, "fell_in": new})
    elif new:
        words = Bilingual(
            f"Atenção: novos nesta causa enquanto isso, e seguem rejeitados: {new}",
            f"Mind: new in this cause meanwhile, and still rejected: {new}",
        )
        say(words.of(language))
    end(refused)


def _told(services: "Services", report: "CureReport", refused: "list[Refused]") -> None:
    language = services.settings.language
    if report.cured:
        say(Bilingual("Correção registrada.", "Cure recorded.").of(language))
    count = len(report.replay.replayed)
    say(Bilingual(f"{count} de volta à fila.", f"{count} back in the queue.").of(language))
    show_refused(refused, language)


def _others(
    services: "Services",
    cured: "StoredDocument",
    actor: "Actor",
    mapped: "tuple[CodeCure, str] | None",
    *,
    json: bool,
) -> "list[Refused]":
    """What had the same cause is read and judged again; those that stay."""
    from malote.quarantine import same_cause
    from malote.quarantine.cure_codes import JustMapped

    parts = services.quarantine.parts
    others = same_cause.others(parts, cured, parts.clock(), JustMapped(*mapped) if mapped else None)
    if others is None or carry_out(services, "replay", others, json=json):
        return []
    report = services.quarantine.replay(others, actor)
    if not json and report.replayed:
        count, language = len(report.replayed), services.settings.language
        told = Bilingual(f"Desta causa, também de volta à fila: {count}", f"Of this cause, back in the queue: {count}")
        say(told.of(language))
    return report.refused
