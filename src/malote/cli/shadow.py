"""``malote shadow report``: what Malote would have done differently from the system that books meanwhile."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import typer

from malote import rejection
from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal import store_clock
from malote.terminal.book_options import DayOption
from malote.terminal.command import FOUND, ConfigOption, JsonOption, day_of, services_of
from malote.terminal.output import amount, console, print_json, say
from malote.terminal.tables import plain_table

if TYPE_CHECKING:
    from malote.app import Services
    from malote.books.shadow import ShadowDay

DAYS = 7  # that are looked at where nobody says which
MOST_NAMED = 200  # differences of a day on a terminal; --json has all

_WHAT: dict[str, Bilingual[str]] = {
    "missing": Bilingual("não está no ERP", "not in the ERP"),
    "differs": Bilingual("o ERP tem outra coisa", "otherwise in the ERP"),
    "not_cancelled": Bilingual("não cancelada no ERP", "not cancelled in the ERP"),
    "rejected": Bilingual("lançada no ERP; o Malote a rejeitaria", "booked in the ERP; Malote would reject it"),
    "not_a_sale": Bilingual("lançada no ERP; para o Malote não é venda", "booked in the ERP; no sale to Malote"),
    "extra": Bilingual("só no ERP: o arquivo não veio", "only in the ERP: its file never came"),
}
_HEADINGS: Bilingual[tuple[str, ...]] = Bilingual(
    ("Dia", "Malote", "R$", "ERP", "R$", "Iguais", "Diferem", "Abertas"),
    ("Day", "Malote", "R$", "ERP", "R$", "Equal", "Differ", "Open"),
)


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command("report")(report)


def report(day: DayOption = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Compares what Malote would have booked with what another system booked in the ERP, of the last seven business
    days or of one: to the cent, every difference named. Writes nothing. Exit status 1 if something differs."""
    with services_of(config) as services:
        days = list(_days(services, day))
        language = services.settings.language
    if json:
        print_json(days)
    else:
        _print(days, language)
    if any(one.lines for one in days):
        raise typer.Exit(FOUND)


def _days(services: "Services", day: str | None) -> "Iterator[ShadowDay]":
    from malote.books.shadow import report as compare
    from malote.business_day import business_day
    from malote.erp.factory import open_configured

    settings = services.settings
    business = business_day(settings.books)
    today = business.of(store_clock.now().isoformat()) or store_clock.now().date()
    wanted = [day_of("--day", day)] if day else [today - timedelta(days=ago) for ago in range(DAYS)]
    with closing(open_configured(settings)) as erp:
        for one in wanted:
            found = compare(services.engine, erp, business, one, settings.store.issuers)
            if day or found.malote.count or found.lines or (found.erp and found.erp.count):
                yield found


def _print(days: "list[ShadowDay]", language: Language) -> None:
    table = plain_table(_HEADINGS.of(language))
    for one in days:
        erp = ("–", "–") if one.erp is None else (str(one.erp.count), amount(one.erp.total, language))
        ours = (str(one.malote.count), amount(one.malote.total, language))
        table.add_row(one.day.isoformat(), *ours, *erp, str(one.same), str(len(one.lines)), str(one.undecided))
    console.print(table)
    for one in days:
        for what, count in Counter(line.what for line in one.lines).items():
            say(f"{one.day}: {count} × {_WHAT[what].of(language)}")
        _print_lines(one, language)


def _print_lines(day: "ShadowDay", language: Language) -> None:
    for line in day.lines[:MOST_NAMED]:
        sums = " ≠ ".join("–" if cents is None else amount(cents, language) for cents in (line.total, line.erp_total))
        why = line.fields or (rejection.title(line.code, language) if line.code else "")
        words = _WHAT[line.what].of(language)
        told = f"  {line.access_key} {line.till} R$ {sums}: {words}" + (f" ({why})" if why else "")
        console.print(told, markup=False, highlight=False, soft_wrap=True)
    if len(day.lines) > MOST_NAMED:
        say(f"  (+{len(day.lines) - MOST_NAMED})")
