"""``malote books gaps`` and ``accept-gaps``: numbers that are missing, and a person's word for them."""

import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal.audit_reason import ReasonOption, checked_reason
from malote.terminal.book_options import TillOption
from malote.terminal.command import FOUND, ConfigOption, DryRunOption, JsonOption, day_of, services_of
from malote.terminal.output import console, print_json, say
from malote.terminal.tables import plain_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from malote.books.accepting import ListedGap, WantedGaps

STATES = {
    "unknown": Bilingual("o caixa ainda não disse", "the till has not said yet"),
    "absent": Bilingual("o caixa não tem", "the till doesn't have it"),
    "at_till": Bilingual("está no caixa", "at the till"),
}


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("gaps")(gaps)
    app.command("accept-gaps")(accept_gaps)
    app.command("accept-day")(accept_day)


def gaps(
    till: TillOption = None,
    accepted: Annotated[bool, typer.Option("--accepted", help="Also those that somebody accepted.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Lists the numbers that no document has and nobody voided, with the last day for voiding them.

    Tells whether the till says that it has them. Exit status 1 where any is missing.
    """
    from malote.books import note_findings
    from malote.books.accepting import gaps as listed
    from malote.business_day import business_day

    with services_of(config) as services:
        now = time.time()
        note_findings.look(services.engine, business_day(services.settings.books), now)
        found = listed(services.engine, now, till, accepted=accepted)
        language = services.settings.language
    if json:
        print_json(found)
    else:
        _show(found, language)
    if any(one.told for one in found):
        raise typer.Exit(FOUND)


def accept_gaps(
    till: Annotated[str, typer.Argument(help="Whose numbers.", metavar="TILL")],
    reason: ReasonOption,
    series: Annotated[int | None, typer.Option("--series", help="Only of this series.", min=0)] = None,
    numbers: Annotated[
        str | None, typer.Option("--numbers", help="Only these, such as 17 or 17-20.", metavar="FIRST-LAST")
    ] = None,
    dry_run: DryRunOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """A person answers for missing numbers: lights tell of them no more. The audit trail has who and why.

    What is missing later is told again, and a document that comes all the same is booked as any other.
    """
    from malote.accounts.audit import command_line
    from malote.books import note_findings
    from malote.books.accepting import WantedGaps, accept_numbers
    from malote.books.accepting import gaps as listed
    from malote.business_day import business_day

    reason = checked_reason(reason)
    wanted = WantedGaps(till, series, _range(numbers))
    with services_of(config) as services:
        now = time.time()
        note_findings.look(services.engine, business_day(services.settings.books), now)
        count = (
            sum(_within(one, wanted) for one in listed(services.engine, now, till))
            if dry_run
            else accept_numbers(services.engine, wanted, command_line(), reason, now)
        )
    if json:
        print_json({"accepted": 0 if dry_run else count, "found": count})
    elif not count:
        say(Bilingual("Nada falta aí.", "Nothing is missing there.").of(services.settings.language))
    else:
        words = Bilingual("Seriam aceitos", "Would be accepted") if dry_run else Bilingual("Aceitos", "Accepted")
        say(f"{words.of(services.settings.language)}: {count}.")


def accept_day(
    till: Annotated[str, typer.Argument(help="Whose day.", metavar="TILL")],
    day: Annotated[str, typer.Argument(help="The business day.", metavar="YYYY-MM-DD")],
    reason: ReasonOption,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """A person answers for a day of which till and server count other sales: lights tell of it no more.

    Of what differs now; what differs later is told again. The audit trail has who and why. Exit status 1 where nothing
    differs.
    """
    from malote.accounts.audit import command_line
    from malote.books import accepting

    reason = checked_reason(reason)
    chosen = day_of("DAY", day)
    with services_of(config) as services:
        count = accepting.accept_day(services.engine, till, chosen, command_line(), reason, time.time())
    if json:
        print_json({"accepted": count})
    elif count:
        say(Bilingual(f"Aceitos: {count}.", f"Accepted: {count}.").of(services.settings.language))
    else:
        say(Bilingual("Nada difere aí.", "Nothing differs there.").of(services.settings.language))
    if not count:
        raise typer.Exit(FOUND)


def _within(one: "ListedGap", wanted: "WantedGaps") -> int:
    """How many numbers of the gap are chosen."""
    if wanted.series is not None and one.series != wanted.series:
        return 0
    first, last = wanted.numbers or (one.first, one.last)
    return max(min(last, one.last) - max(first, one.first) + 1, 0)


def _range(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, _, last = text.partition("-")
    ends = (first.strip(), last.strip() or first.strip())
    if not all(one.isascii() and one.isdigit() and len(one) <= 12 for one in ends) or int(ends[0]) > int(ends[1]):
        raise typer.BadParameter("a number, or two such as 17-20", param_hint="--numbers")
    return int(ends[0]), int(ends[1])


def _show(found: "Sequence[ListedGap]", language: Language) -> None:
    if not found:
        say(Bilingual("Não falta nenhum número.", "No number is missing.").of(language))
        return
    table = plain_table(
        Bilingual(
            ("Caixa", "Série", "Números", "Faltam", "Inutilizar até", "No caixa"),
            ("Till", "Series", "Numbers", "Missing", "Void by", "At the till"),
        ).of(language)
    )
    for one in found:
        numbers = str(one.first) if one.first == one.last else f"{one.first}–{one.last}"
        state = STATES[one.state].of(language)
        if one.accepted_at is not None:
            state = Bilingual("aceito", "accepted").of(language)
        table.add_row(Text(one.till), str(one.series), numbers, str(one.count), one.due, state)
    console.print(table)
