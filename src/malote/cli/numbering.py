"""``malote numbering``: of each series what is missing, voided, or of more than one till."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.text import Text

from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal import store_clock
from malote.terminal.command import FOUND, ConfigOption, JsonOption, day_of, end_of, moment_of, services_of
from malote.terminal.output import console, print_json, say
from malote.terminal.tables import plain_table

if TYPE_CHECKING:
    from malote.app import Services
    from malote.books.numbering import SeriesSummary

MOST_SHOWN = 20  # ranges in one cell of the table

DayOption = Annotated[str | None, typer.Option(help="Only numbers issued from this day on.", metavar="YYYY-MM-DD")]
LastDayOption = Annotated[str | None, typer.Option(help="Only numbers issued up to this day.", metavar="YYYY-MM-DD")]


class Range(msgspec.Struct, frozen=True):
    first: int
    last: int


class SharedNumber(msgspec.Struct, frozen=True):
    number: int
    tills: list[str]


class NumberOfTwoKeys(msgspec.Struct, frozen=True):
    number: int
    keys: list[str]


class SeriesNumbers(msgspec.Struct, frozen=True):
    """One series. ``first`` and ``last`` are None where it has no number in the period."""

    issuer: str
    model: str
    series: int
    till: str | None
    first: int | None
    last: int | None
    seen: int
    missing: list[Range]
    voided: list[Range]
    shared: list[SharedNumber]
    two_keys: list[NumberOfTwoKeys]
    void_booked: list[int]  # voided, and the sale is booked
    overdue: list[int]  # offline, booked, without protocol after the deadline
    accepted: list[Range] = []  # missing, and a person answered for them

    @property
    def troubled(self) -> bool:
        return bool(self.missing or self.shared or self.two_keys or self.void_booked or self.overdue)


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("numbering")(numbering)


def numbering(
    till: Annotated[str | None, typer.Argument(help="Only the series of this till.", metavar="TILL")] = None,
    since: DayOption = None,
    until: LastDayOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Tells which numbers are missing, and which are in doubt. Exit status 1 if any is.

    In doubt: of two tills or of two keys, voided though the sale is booked, or offline without protocol after the
    deadline.
    """
    with services_of(config) as services:
        begins = moment_of("--since", day_of("--since", since).isoformat() if since is not None else "")
        ends = end_of("--until", day_of("--until", until).isoformat() if until is not None else "")
        period = [None if at is None else store_clock.here(at) for at in (begins, ends)]
        found = list(_all(services, till, *period))
        language = services.settings.language
    if json:
        print_json(found)
    elif not found:
        say(Bilingual("Nenhuma série ainda.", "No series yet.").of(language))
    else:
        _show(found, language)
    if any(one.troubled for one in found):
        raise typer.Exit(FOUND)


def _all(
    services: "Services", till: str | None, since: datetime | None, until: datetime | None
) -> Iterator[SeriesNumbers]:
    from malote.books.numbering import SeriesQuery, series

    query = SeriesQuery(till, since, until)
    while True:
        page = series(services.engine, query)
        for one in page.series:
            yield _numbers(services, one, since, until)
        if page.after is None:
            return
        query = msgspec.structs.replace(query, after=page.after)


def _numbers(
    services: "Services", one: "SeriesSummary", since: datetime | None, until: datetime | None
) -> SeriesNumbers:
    from malote.books.numbering import NumbersQuery, numbers

    missing: list[Range] = []
    voided: dict[Range, None] = {}
    shared: list[SharedNumber] = []
    two_keys: list[NumberOfTwoKeys] = []
    void_booked: list[int] = []
    overdue: list[int] = []
    accepted: dict[Range, None] = {}
    seen = after = 0
    while True:
        page = numbers(services.engine, NumbersQuery(one.key, since, until, after))
        missing += [Range(gap.first, gap.last) for gap in page.gaps]
        voided |= dict.fromkeys(Range(gap.first, gap.last) for gap in page.voided)
        shared += [SharedNumber(each.number, each.tills) for each in page.shared]
        two_keys += [NumberOfTwoKeys(each.number, each.keys) for each in page.two_keys]
        void_booked += page.void_booked
        overdue += page.overdue
        accepted |= dict.fromkeys(Range(gap.first, gap.last) for gap in page.accepted)
        seen += page.seen
        if page.after is None:
            break
        after = page.after
    return SeriesNumbers(
        issuer=one.key.issuer,
        model=one.key.model,
        series=one.key.series,
        till=one.owner,
        first=page.first,
        last=page.last,
        seen=seen,
        missing=missing,
        voided=list(voided),
        shared=shared,
        two_keys=two_keys,
        void_booked=void_booked,
        overdue=overdue,
        accepted=list(accepted),
    )


def _show(found: Sequence[SeriesNumbers], language: Language) -> None:
    headings = Bilingual(
        ("Emitente", "Modelo", "Série", "Caixa", "De", "Até", "Faltam", "Inutilizadas", "De dois caixas"),
        ("Issuer", "Model", "Series", "Till", "From", "To", "Missing", "Voided", "Of two tills"),
    )
    table = plain_table(headings.of(language))
    for one in found:
        shared = [f"{each.number} ({', '.join(each.tills)})" for each in one.shared]
        table.add_row(
            one.issuer,
            one.model,
            str(one.series),
            one.till or "—",
            "—" if one.first is None else str(one.first),
            "—" if one.last is None else str(one.last),
            Text(_ranges(one.missing)),
            Text(_ranges(one.voided)),
            Text(_shortened(shared)),
        )
    console.print(table)
    for one in found:
        _show_doubts(one, language)


def _show_doubts(one: SeriesNumbers, language: Language) -> None:
    """Below the table, in words: the numbers that a person should look at, and why."""
    place = f"{one.issuer} {one.model}/{one.series}"
    for pair in one.two_keys:
        words = Bilingual("número com duas chaves", "number of two keys").of(language)
        say(f"{place} · {pair.number}: {words}: {', '.join(pair.keys)}")
    if one.void_booked:
        words = Bilingual("inutilizados, com venda lançada", "voided, and the sale is booked").of(language)
        say(f"{place} · {words}: {_shortened([str(number) for number in one.void_booked])}")
    if one.overdue:
        words = Bilingual("offline sem protocolo depois do prazo", "offline without protocol after the deadline").of(
            language
        )
        say(f"{place} · {words}: {_shortened([str(number) for number in one.overdue])}")


def _ranges(ranges: Iterable[Range]) -> str:
    return _shortened([str(one.first) if one.first == one.last else f"{one.first}–{one.last}" for one in ranges])


def _shortened(words: list[str]) -> str:
    return ", ".join(words[:MOST_SHOWN]) + (", …" if len(words) > MOST_SHOWN else "") if words else "—"
