"""``malote loads diff|price|sales|schedule``: what was in force when and sold then, and what comes at which time."""

from collections import Counter
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal.command import FOUND, OK, ConfigOption, JsonOption, moment_of, services_of, wrong_usage
from malote.terminal.load_options import put_off_words, validity_words
from malote.terminal.output import amount, console, print_json, say
from malote.terminal.tables import local_time, plain_table, printable

if TYPE_CHECKING:
    from malote.loads.load_reports import PriceAnswer
    from malote.loads.planning import Plan
    from malote.loads.sold_prices import SoldDay, SoldOtherwise

_MOST_SHOWN = 1000  # rows of a difference, of one table


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("diff")(diff)
    app.command("price")(price)
    app.command("schedule")(schedule)
    app.command("sales")(sales)


def diff(
    before: Annotated[int, typer.Argument(help="A version.", metavar="A")],
    after: Annotated[int, typer.Argument(help="Another.", metavar="B")],
    entity: Annotated[str | None, typer.Option("--entity", help="Of this entity alone.", metavar="NAME")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many are shown.")] = _MOST_SHOWN,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Shows which rows differ between two versions, the first so many of them. Exit status 1 if any does."""
    with services_of(config) as services:
        language = services.settings.language
        found = list(islice(services.loads.diff(before, after, entity), limit + 1))
    has_more, found = len(found) > limit, found[:limit]
    if json:
        print_json(found)
        raise typer.Exit(FOUND if found else OK)
    headings = Bilingual(("Entidade", "Chave", "Antes", "Depois"), ("Entity", "Key", "Before", "After")).of(language)
    table = plain_table(headings)
    for one in found:
        names = [
            name
            for name in one.before or one.after or {}
            if (one.before or {}).get(name) != (one.after or {}).get(name)
        ]
        sides = [_values(side, names) for side in (one.before, one.after)]
        key = ", ".join(str(part) for part in one.key if part is not None and part != "")
        table.add_row(one.entity, printable(key), *map(printable, sides))
    console.print(table)
    for begins, count in sorted(Counter(one.put_off_to for one in found if one.put_off_to).items()):
        say(f"{count}: {put_off_words(begins, language)}")
    more = Bilingual(" e mais: --limit", " and more: --limit").of(language)
    say(f"{len(found)}{more if has_more else ''}")
    raise typer.Exit(FOUND if found else OK)


def price(
    product: Annotated[str, typer.Argument(help="A product's code, or a barcode of it.", metavar="PRODUCT")],
    till: Annotated[str, typer.Option("--till", help="At this till; the newest version otherwise.")] = "",
    at: Annotated[str, typer.Option("--at", help="Then, by the store's clock: 2026-11-27T10:32. Now otherwise.")] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Which price a product has at a till, or had. Exit status 1 when there is none."""
    with services_of(config) as services:
        language = services.settings.language
        found = services.loads.price(product, till=till, at=moment_of("--at", at))
    if json:
        print_json(found)
    else:
        _show_price(found, language)
    raise typer.Exit(OK if any(one.is_valid for one in found.prices) else FOUND)


def sales(
    till: Annotated[str, typer.Option("--till", help="Of this till alone.")] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Shows what was sold at another price than the till's list had at that minute. Exit status 1 if anything was."""
    with services_of(config) as services:
        language = services.settings.language
        days, lines = services.loads.sales(till)
    if json:
        print_json({"days": days, "lines": lines})
    else:
        _show_sales(days, lines, language)
    raise typer.Exit(FOUND if lines else OK)


def schedule(
    add: Annotated[
        str | None, typer.Option("--add", help="A time as cron says it: '30 6 * * 1-6'.", metavar="CRON")
    ] = None,
    remove: Annotated[int, typer.Option("--remove", help="The plan of this number.", metavar="NUMBER")] = 0,
    full: Annotated[bool, typer.Option("--full", help="Geral, with --add.")] = False,
    entity: Annotated[list[str] | None, typer.Option("--entity", help="With --add.", metavar="NAME")] = None,
    till: Annotated[list[str] | None, typer.Option("--till", help="With --add.", metavar="NAME")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Lists loads at times of their own, by the store's clock; adds or removes one."""
    from malote.accounts.audit import command_line
    from malote.loads.planning import Wanted

    if add is not None and not add.strip():
        wrong_usage("--add: CRON ('30 6 * * 1-6')")
    with services_of(config) as services:
        language = services.settings.language
        if add is not None:
            services.loads.plan(add, Wanted(till or [], entity or [], full), command_line())
        if remove:
            services.loads.unplan(remove, command_line())
        plans, compare_at = services.loads.plans(), services.loads.compare_at()
    if json:
        print_json({"plans": plans, "compare_at": compare_at})
    else:
        _show_plans(plans, compare_at, language)


def _values(side: dict[str, Any] | None, names: list[str]) -> str:
    if side is None:
        return "–"
    return ", ".join(f"{name}={side[name]}" for name in names if side.get(name) is not None)


def _show_price(found: "PriceAnswer", language: Language) -> None:
    where = found.till or Bilingual("versão mais nova", "newest version").of(language)
    version = Bilingual("versão", "version").of(language)
    say(f"{found.product} · {where} · {local_time(found.at, language)} · {version} {found.version}")
    for one in found.prices:
        values = one.values
        dates = validity_words(values, language)
        mark = "→" if one.is_valid else " "
        others = " ".join(str(values[name]) for name in ("unit", "region") if values.get(name))
        listed = str(values["price"])
        said = Bilingual(listed.replace(".", ","), listed).of(language)
        waits = f" · {put_off_words(str(values['valid_from']), language)}" if one.is_put_off else ""
        say(f"{mark} R$ {said} {others} ({dates}){waits}")
    if not found.prices:
        say(_without_price(found).of(language))


def _without_price(found: "PriceAnswer") -> Bilingual[str]:
    """Why there is none: nobody may say that a till had no price whose list isn't known."""
    if not found.is_kept:
        return Bilingual(
            "as linhas desta versão já não estão guardadas aqui (retention.posted_days)",
            "the rows of this version are no longer kept here (retention.posted_days)",
        )
    if found.version:
        return Bilingual("a lista não tinha preço deste produto", "the list had no price of this product")
    if found.till:
        return Bilingual(
            "o caixa não tinha carga nesse momento, ou ninguém sabe qual",
            "the till had no load at that moment, or nobody knows which one",
        )
    return Bilingual("ainda não havia carga nesse momento", "there was no load yet at that moment")


def _show_sales(days: "list[SoldDay]", lines: "list[SoldOtherwise]", language: Language) -> None:
    headings = Bilingual(
        ("Dia", "Caixa", "Itens", "Fora da lista", "Sem lista", "Outro preço", "R$"),
        ("Day", "Till", "Lines", "Not on the list", "No list known", "Another price", "R$"),
    ).of(language)
    table = plain_table(headings)
    for day in days:
        counts = (day.lines, day.unlisted, day.unknown, day.differing)
        table.add_row(day.day, day.till, *map(str, counts), amount(day.cents, language))
    console.print(table)
    if any(day.unknown for day in days):
        words = Bilingual(
            "Sem lista: vendidos antes da primeira carga do caixa, ou quando ninguém sabia qual ele tinha.",
            "No list known: sold before the till's first load, or when nobody knew which one it had.",
        )
        say(words.of(language))
    headings = Bilingual(
        ("Emissão", "Caixa", "Produto", "Quantidade", "Vendido", "Lista", "R$"),
        ("Issued", "Till", "Product", "Quantity", "Sold", "List", "R$"),
    ).of(language)
    table = plain_table(headings)
    for one in lines:
        figures = (one.quantity, one.sold, one.listed, amount(one.cents, language))
        issued = local_time(datetime.fromisoformat(one.issued_at).timestamp(), language)
        table.add_row(issued, one.till, printable(one.product), *figures)
    if lines:
        console.print(table)


def _show_plans(plans: "list[Plan]", compare_at: float | None, language: Language) -> None:
    if compare_at is not None:
        words = Bilingual("Comparação de tudo com o ERP", "All compared with the ERP")
        say(f"{words.of(language)}: {local_time(compare_at, language)}")
    headings = Bilingual(("Nº", "Horário", "Próxima", "O quê", "Caixas"), ("No.", "Time", "Next", "What", "Tills"))
    table = plain_table(headings.of(language))
    every = Bilingual("todos", "all").of(language)
    for one in plans:
        kind = Bilingual("Geral", "Whole") if one.wanted.anew else Bilingual("Parcial", "Partial")
        what = f"{kind.of(language)} {', '.join(one.wanted.entities)}"
        next_at = local_time(one.next_at, language) if one.next_at else "–"
        table.add_row(str(one.id), one.cron, next_at, printable(what), printable(", ".join(one.wanted.tills) or every))
    console.print(table)
