"""``malote books board``: tills × days, with what arrived and what is proven."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal import store_clock
from malote.terminal.book_options import TillOption, lost_sale
from malote.terminal.command import FOUND, ConfigOption, JsonOption, services_of
from malote.terminal.first_of_many import tills_to_show
from malote.terminal.output import amount, console, print_json, say
from malote.terminal.tables import plain_table

if TYPE_CHECKING:
    from malote.books.board import Board, BoardRow, Cell
    from malote.reconciliation.day_differences import NamedSale

# By shape, and not by colour alone: arrived, then proven.
ARRIVED = {"none": "○", "partly": "◐", "fully": "●", "unknown": "?"}
PROVEN = {"open": "…", "proven": "✓", "divergent": "✗"}
_COLOURS = {"open": "yellow", "proven": "green", "divergent": "red"}
_LEGEND = Bilingual(
    "○ nada chegou  ◐ chegou em parte  ● chegou tudo  ? o caixa não diz  |  … em aberto  ✓ provado  ✗ divergente",
    "○ nothing arrived  ◐ partly  ● all arrived  ? the till doesn't say  |  … open  ✓ proven  ✗ divergent",
)
# What a till and the server have otherwise.
OTHER = {
    "untold": Bilingual(
        "caixa e servidor contam outras vendas; o caixa ainda não disse quais",
        "till and server count other sales; the till has not said which",
    ),
    "not_here": Bilingual("está no caixa e não chegou", "at the till, and not here"),
    "not_at_till": Bilingual("está aqui e não no caixa", "here, and not at the till"),
    "total": Bilingual("outro total no caixa", "another total at the till"),
    "state": Bilingual("cancelada só no caixa", "cancelled at the till only"),
}
_WIDE = 10  # days side by side on a terminal


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command("board")(board)


def board(
    till: TillOption = None,
    days: Annotated[int, typer.Option("--days", help="How many business days, today's included.", min=1, max=92)] = 30,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Shows tills × business days with two marks: what arrived by the till's own count, and what is proven in the ERP.

    Of more than 200 tills only those whose days are open are shown; --json has all.
    Exit status 1 where something is divergent or lost, a rule of the store holds, or a day that is over has sales at a
    till that aren't here.
    """

    from malote.books.board import BoardQuery
    from malote.books.board import board as painted
    from malote.business_day import business_day

    with services_of(config) as services:
        calendar = business_day(services.settings.books)
        now = store_clock.now()
        today = calendar.of(now.isoformat()) or now.date()
        query = BoardQuery(since=today - timedelta(days=days - 1), until=today, till=till, size=10_000)
        found = painted(services.engine, calendar, query, today)
        language = services.settings.language
    if json:
        print_json(_plain(found))
    else:
        _show(found, language, now.timestamp())
    if (
        found.unsent
        or found.lost
        or found.rules
        or any(not one.accepted for one in found.other)
        or any(cell.proven == "divergent" for row in found.rows for cell in row.cells.values())
    ):
        raise typer.Exit(FOUND)


def _plain(found: "Board") -> object:
    return {
        "days": found.days,
        "rows": [{"till": row.till, "cells": list(row.cells.values())} for row in found.rows],
        "months": found.months,
        "oldest": {"till": found.oldest[0], "since": found.oldest[1]} if found.oldest else None,
        "unsent": found.unsent,
        "offline": found.offline,
        "latest": found.latest,
        "lost": found.lost,
        "other": found.other,
        "rules": found.rules,
    }


def _show(found: "Board", language: Language, now: float) -> None:
    rows = tills_to_show(found.rows, _is_open, language)
    used = [day for day in found.days if any(day in row.cells for row in rows)]
    for start in range(0, len(used), _WIDE):
        some = used[start : start + _WIDE]
        table = plain_table((Bilingual("Caixa", "Till").of(language), *(f"{day:%d/%m}" for day in some)))
        for row in rows:
            table.add_row(Text(row.till), *(_mark(row.cells.get(day)) for day in some))
        console.print(table)
    say(_LEGEND.of(language))
    for one in found.unsent:
        said = Bilingual("não chegaram, e o dia já acabou", "not here, and the day is over").of(language)
        say(f"{one.till} · {one.day.isoformat()} · {one.count} · R$ {amount(one.total, language)} · {said}")
    for sale in found.lost:
        say(f"{lost_sale(sale, language)} · {Bilingual('perdida no caixa', 'lost at the till').of(language)}")
    for named in found.other:
        say(_other(named, language))
    for month in found.months:
        say(f"{month.month}: {month.count} · R$ {amount(month.total, language)}")
    if found.oldest:
        minutes = int((now - found.oldest[1]) // 60)
        waits = Bilingual("espera há mais tempo", "waits longest").of(language)
        say(f"{found.oldest[0]}: {waits}, {minutes} min")
    _show_lag(found, language, now)


def _is_open(row: "BoardRow") -> bool:
    return any(cell.proven != "proven" or cell.arrived in ("none", "partly") for cell in row.cells.values())


def _other(one: "NamedSale", language: Language) -> str:
    sums = " / ".join(
        "–" if each is None else f"R$ {amount(each, language)}" for each in (one.till_total, one.here_total)
    )
    accepted = "" if not one.accepted else Bilingual(" (aceito)", " (accepted)").of(language)
    words = OTHER[one.what].of(language)
    return f"{one.till} · {one.day.isoformat()} · {one.access_key or '?'} · {sums} · {words}{accepted}"


def _show_lag(found: "Board", language: Language, now: float) -> None:
    for one in found.offline:
        said = Bilingual("offline sem protocolo, a primeira vence em", "offline without protocol, the first due").of(
            language
        )
        late = Bilingual("fora do prazo", "past its deadline").of(language)
        overdue = f" · {one.overdue} {late}" if one.overdue else ""
        due = f"{store_clock.here(one.due_at):%d/%m %H:%M}"
        say(f"{one.state}: {one.count} × {said} {due} · R$ {amount(one.total, language)}{overdue}")
    for till in found.latest:
        said = Bilingual("por enviar, o mais antigo há", "not sent, the oldest for").of(language)
        say(f"{till.till}: {till.count} {said} {max(int((now - till.since) // 60), 0)} min")


def _mark(cell: "Cell | None") -> Text:
    if cell is None:
        return Text("")
    return Text(ARRIVED[cell.arrived] + PROVEN[cell.proven], style=_COLOURS[cell.proven])
