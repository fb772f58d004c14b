"""``malote books``: server and ERP side by side, and what the ERP lost booked again."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal import store_clock
from malote.terminal.agreement import YesOption, is_agreed
from malote.terminal.audit_reason import ReasonOption
from malote.terminal.book_options import DayOption, TillOption
from malote.terminal.command import FOUND, ConfigOption, DryRunOption, JsonOption, day_of, services_of
from malote.terminal.output import amount, console, print_json, say
from malote.terminal.tables import plain_table

if TYPE_CHECKING:
    from malote.app import Services
    from malote.books.rebooking import RebookingPlan
    from malote.books.reconciling import Books, NamedDifference, ReconcileQuery, ReconcileReport

_AGAIN = Bilingual("Lançar de novo?", "Book them again?")
MOST_NAMED = 200  # differences on a terminal; --json has all

_WHAT: dict[str, Bilingual[str]] = {
    "missing": Bilingual("fora do ERP", "not in the ERP"),
    "deleted": Bilingual("no livro do ERP, e a venda foi apagada", "in the ERP's ledger, and its sale was deleted"),
    "key": Bilingual("no ERP sob outra chave", "in the ERP under another key"),
    "unlisted": Bilingual("no ERP, e fora do livro dele", "in the ERP, and not in its ledger"),
    "doubled": Bilingual("mais de uma vez no ERP", "more than once in the ERP"),
    "total": Bilingual("outro total no ERP", "another total in the ERP"),
    "state": Bilingual("cancelada só de um lado", "cancelled on one side only"),
    "date": Bilingual("outra data no ERP", "another date in the ERP"),
    "till": Bilingual("outro caixa no ERP", "another till in the ERP"),
    "number": Bilingual("outra série ou outro número no ERP", "another series or number in the ERP"),
    "items": Bilingual("outros itens no ERP", "other items in the ERP"),
    "payments": Bilingual("outros pagamentos no ERP", "other payments in the ERP"),
    "note": Bilingual("sem a linha ao lado da venda no ERP", "its row beside the sale in the ERP is gone"),
    "content": Bilingual("outro conteúdo no ERP", "other content in the ERP"),
    "void": Bilingual("inutilização fora do ERP", "its void isn't in the ERP"),
    "unguarded": Bilingual("sem a guarda do número no livro do ERP", "its number is unguarded in the ERP's ledger"),
    "twice": Bilingual("outra venda com o mesmo número no ERP", "another sale of its number in the ERP"),
    "unsent": Bilingual("no ERP, e nenhum caixa a enviou", "in the ERP, and no till sent it"),
}


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("reconcile")(reconcile)
    app.command("rebook")(rebook)


def reconcile(
    day: DayOption = None, till: TillOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Compares count, sum and digest of each till and business day at the server and in the ERP, from what both have
    now: the last 30 days, or one. Names every difference. Exit status 1 if there is one that nobody accepted."""
    import time

    from malote.books.reconciling import DAYS
    from malote.books.reconciling import reconcile as reconciling

    with _books(config) as (services, books):
        report = reconciling(books, _query(day, till, timedelta(days=DAYS)), time.time())
        language = services.settings.language
    if json:
        print_json(report)
    else:
        _show_report(report, language)
    if report.troubled:
        raise typer.Exit(FOUND)


def rebook(
    day: DayOption = None,
    till: TillOption = None,
    accepted: Annotated[
        bool, typer.Option("--accepted", help="Also what was accepted as gone (malote erp accept-ledger).")
    ] = False,
    reason: ReasonOption = "",
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Books again exactly what the ERP lost, from the files that the server keeps. Exit status 1 where a file is gone.

    Proven absent now, and once more by the key of the ERP's ledger when it is booked: nothing is booked twice, and
    sales come before their cancellations.
    """
    import time

    from malote.accounts.audit import command_line
    from malote.books.rebooking import plan
    from malote.books.rebooking import rebook as rebooking

    ordered = 0
    with _books(config) as (services, books):
        language = services.settings.language
        planned = plan(books, _query(day, till, None), time.time(), accepted=accepted)
        if not json:
            _show_plan(planned, language)
        if planned.missing and not dry_run and (yes or is_agreed(_AGAIN, language)):
            ordered = rebooking(services.engine, planned, command_line(), time.time(), reason.strip())
    if json:
        print_json({"plan": planned, "ordered": ordered})
    elif ordered:
        back = Bilingual("documentos voltaram à fila", "documents are in the queue again").of(language)
        say(f"{ordered} {back}.")
    if planned.pruned:
        raise typer.Exit(FOUND)


@contextmanager
def _books(config: Path | None) -> "Iterator[tuple[Services, Books]]":
    from malote.books.open_books import open_books

    with services_of(config) as services, open_books(services.engine, services.settings) as books:
        yield services, books


def _query(day: str | None, till: str | None, back: timedelta | None) -> "ReconcileQuery":
    from malote.books.reconciling import ReconcileQuery

    if day is None:
        return ReconcileQuery(since=store_clock.now().date() - back if back else None, till=till)
    chosen = day_of("--day", day)
    return ReconcileQuery(since=chosen, until=chosen, till=till)


def _show_report(report: "ReconcileReport", language: Language) -> None:
    headings = Bilingual(
        ("Caixa", "Dia", "Servidor", "R$", "ERP", "R$", ""), ("Till", "Day", "Server", "R$", "ERP", "R$", "")
    ).of(language)
    table = plain_table(headings)
    for one in report.days:
        equal = Bilingual("igual", "equal").of(language) if one.equal else Bilingual("difere", "differs").of(language)
        sums = (one.server.count, amount(one.server.total, language), one.erp.count, amount(one.erp.total, language))
        shown = (one.till, one.day.isoformat() if one.day else "?", *map(str, sums))
        table.add_row(*(Text(each) for each in shown), Text(equal, style="" if one.equal else "red"))
    console.print(table)
    if not report.sales_compared:
        say(
            Bilingual(
                "Só o livro do ERP foi comparado (books.compare_sales).",
                "Only the ERP's ledger was compared (books.compare_sales).",
            ).of(language)
        )
    _name(report.differences, language)
    if not report.differences:
        say(Bilingual("Nenhuma diferença.", "No difference.").of(language))


def _show_plan(planned: "RebookingPlan", language: Language) -> None:
    _name(planned.missing, language)
    count, value = len(planned.missing), amount(planned.total, language)
    say(Bilingual(f"{count} a lançar de novo, R$ {value}", f"{count} to book again, R$ {value}").of(language))
    if planned.pruned:
        said = Bilingual("os arquivos já saíram do servidor", "their files have left the server").of(language)
        say(f"{len(planned.pruned)}: {said} [content_pruned]")
        _name(planned.pruned, language)
    if planned.accepted:
        said = Bilingual("aceitos; --accepted os inclui", "accepted; --accepted includes them").of(language)
        say(f"{len(planned.accepted)}: {said}")


def _name(differences: "Sequence[NamedDifference]", language: Language) -> None:
    for one in differences[:MOST_NAMED]:
        what = _WHAT[one.what].of(language)
        here = f"R$ {amount(one.total, language)}"
        if one.erp_total is not None and one.erp_total != one.total:
            here += f" / ERP R$ {amount(one.erp_total, language)}"
        if one.kind == "cancellation":
            here = Bilingual("cancelamento", "cancellation").of(language)
        accepted = Bilingual(" (aceito)", " (accepted)").of(language) if one.accepted else ""
        day = one.day.isoformat() if one.day else "?"
        number = f"{one.series}/{one.number} · " if one.number is not None else ""
        fields = f" [{one.fields}]" if one.fields else ""
        say(f"{one.till} · {day} · {number}{one.access_key} · {here} · {what}{fields}{accepted}")
    if len(differences) > MOST_NAMED:
        say(f"… +{len(differences) - MOST_NAMED} (--json)")
