"""``malote rules``: the retailer's own rules, where they hold, and a person's word for it."""

import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal.audit_reason import ReasonOption, checked_reason
from malote.terminal.book_options import TillOption
from malote.terminal.command import FOUND, WRONG_USAGE, ConfigOption, JsonOption, day_of, services_of, wrong_usage
from malote.terminal.output import amount, console, errors, print_json, say
from malote.terminal.tables import plain_table

if TYPE_CHECKING:
    from malote.app import Services
    from malote.books.rules.file import OwnRule
    from malote.books.rules.rule_findings import ToldRule
    from malote.business_day import BusinessCalendar


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("list")(list_rules)
    app.command("try")(try_rules)
    app.command("accept")(accept)
    app.command("fields")(fields)


def list_rules(
    till: TillOption = None,
    accepted: Annotated[bool, typer.Option("--accepted", help="Also what somebody answered for.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Lists the rules of the file that books.rules names, and where they hold, the heaviest first.

    Exit status 1 where one holds that nobody answered for, or the file has a fault.
    """
    from malote.books import note_findings
    from malote.books.rules import rule_findings, rule_store
    from malote.database.engine import reading

    with services_of(config) as services:
        now, calendar = time.time(), _calendar(services)
        faults = rule_store.sync(services.engine, services.settings.rules_path, calendar.at(now), now)
        note_findings.look(services.engine, calendar, now)
        with reading(services.engine) as connection:
            rules = rule_store.kept(connection)
        found = rule_findings.listed(services.engine, till, accepted=accepted)
        language = services.settings.language
    if json:
        fault = Bilingual(*faults).of(language) if faults else None
        print_json({"rules": [one.written for one in rules], "fault": fault, "findings": found})
    else:
        _show_rules(rules, language)
        _show(found, language)
        if faults:
            say(f"malote: {Bilingual(*faults).of(language)}")
    if faults or any(not one.accepted for one in found):
        raise typer.Exit(FOUND)


def try_rules(
    file: Annotated[
        Path | None, typer.Argument(help="A file of rules; without it, that of books.rules.", metavar="FILE")
    ] = None,
    days: Annotated[int, typer.Option("--days", help="How many business days, today's included.", min=1, max=92)] = 7,
    till: TillOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Says where the rules of a file would hold among the sales and days that are here. Keeps and tells nothing.

    Exit status 1 where one would hold, 2 where the file has a fault: each is named with its rule and letter.
    """
    from malote.books.rules import rule_findings

    with services_of(config) as services:
        language, now = services.settings.language, time.time()
        rules = _loaded(file or services.settings.rules_path, language)
        calendar = _calendar(services)
        today = calendar.at(now)
        since = today - timedelta(days=days - 1)
        found = list(rule_findings.tried(services.engine, calendar, rules, since, today, till))
    if json:
        print_json({"rules": [one.written for one in rules], "findings": found})
    else:
        _show_rules(rules, language)
        _show(found, language)
    if found:
        raise typer.Exit(FOUND)


def accept(
    rule: Annotated[str, typer.Argument(help="Which rule.", metavar="RULE")],
    till: Annotated[str, typer.Argument(help="At which till.", metavar="TILL")],
    reason: ReasonOption,
    day: Annotated[str | None, typer.Option("--day", help="Only of this business day.", metavar="YYYY-MM-DD")] = None,
    number: Annotated[int | None, typer.Option("--number", help="Only the sale of this number.", min=0)] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """A person answers for what a rule found: lights tell of it no more. The audit trail has who, what and why.

    Only what stands now; where the rule holds later it is told again. Exit status 1 where it holds nowhere there.
    """
    from malote.accounts.audit import command_line
    from malote.books.rules import rule_findings

    reason = checked_reason(reason)
    chosen = day_of("--day", day) if day else None
    with services_of(config) as services:
        wanted = rule_findings.WantedFindings(rule, till, chosen, number)
        count = rule_findings.accept(services.engine, wanted, command_line(), reason, time.time())
    if json:
        print_json({"accepted": count})
    elif count:
        say(Bilingual(f"Aceitos: {count}.", f"Accepted: {count}.").of(services.settings.language))
    else:
        words = Bilingual(
            f"A regra {rule} não tem nada em aberto no caixa {till}.",
            f"The rule {rule} holds nothing open at till {till}.",
        )
        say(words.of(services.settings.language))
    if not count:
        raise typer.Exit(FOUND)


def fields(json: JsonOption = False) -> None:
    """Lists what a condition may ask of a sale and of a till's day, with the type of each."""
    from malote.books.rules.fields import OF

    if json:
        print_json(OF)
        return
    for of, known in OF.items():
        say(of)
        for name, kind in known.items():
            say(f"  {name:16}{kind}")


def _calendar(services: "Services") -> "BusinessCalendar":
    from malote.books.store_days import by_store_clock
    from malote.business_day import business_day

    return by_store_clock(services.engine, business_day(services.settings.books))


def _loaded(path: Path | None, language: Language) -> "list[OwnRule]":
    from malote.books.rules.file import RulesError, load

    if path is None:
        wrong_usage(Bilingual("books.rules está vazio", "books.rules is empty").of(language))
    try:
        return load(path)[0]
    except RulesError as error:
        for fault in error.said(language):
            errors.print(f"malote: {path.name}: {fault}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(WRONG_USAGE) from None


def _show_rules(rules: "Sequence[OwnRule]", language: Language) -> None:
    if not rules:
        say(Bilingual("Não há regras.", "There are no rules.").of(language))
        return
    table = plain_table(Bilingual(("Regra", "De", "Peso", "Quando"), ("Rule", "Of", "Weight", "When")).of(language))
    for one in rules:
        of = {"sale": Bilingual("venda", "sale"), "day": Bilingual("dia", "day")}[one.written.of].of(language)
        table.add_row(Text(one.name), of, str(one.written.weight), Text(one.written.when))
    console.print(table)


def _show(found: "Sequence[ToldRule]", language: Language) -> None:
    if not found:
        say(Bilingual("Nenhuma se aplica.", "None of them holds.").of(language))
        return
    headings = Bilingual(("Regra", "Caixa", "Dia", "Número", "R$", ""), ("Rule", "Till", "Day", "Number", "R$", "")).of(
        language
    )
    table = plain_table(headings)
    for one in found:
        said = Bilingual(one.text, one.text_en or one.text).of(language)
        said += Bilingual(" (aceito)", " (accepted)").of(language) if one.accepted else ""
        number = "" if one.number is None else str(one.number)
        row = (Text(one.rule), Text(one.till), one.day, number, amount(one.total, language), Text(said))
        table.add_row(*row)
    console.print(table)
