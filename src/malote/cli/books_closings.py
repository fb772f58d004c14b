"""``malote books closings``: the POS's own closings beside what was booked."""

import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from malote.bilingual import Bilingual
from malote.fiscal.payment_methods import method_name
from malote.rejection import Language
from malote.terminal import store_clock
from malote.terminal.audit_reason import ReasonOption, checked_reason
from malote.terminal.book_options import TillOption
from malote.terminal.command import FOUND, ConfigOption, DryRunOption, JsonOption, day_of, services_of
from malote.terminal.output import amount, console, print_json, say
from malote.terminal.tables import plain_table

if TYPE_CHECKING:
    from malote.books.closings import ComparedClosing

_PROBLEMS = {
    "too_large": Bilingual("arquivo grande demais", "the file is too large"),
    "unreadable": Bilingual("não é CSV", "it is no CSV"),
    "heading": Bilingual(
        "o cabeçalho precisa de caixa, dia, forma e valor", "the heading needs till, day, method and amount"
    ),
    "fields": Bilingual("outro número de campos que no cabeçalho", "another number of fields than the heading has"),
    "till": Bilingual("falta o caixa", "the till is missing"),
    "day": Bilingual("dia: AAAA-MM-DD ou DD/MM/AAAA", "day: YYYY-MM-DD or DD/MM/YYYY"),
    "method": Bilingual(
        "forma: dois dígitos de tPag, ou dinheiro, cheque, crédito, débito, PIX …",
        "method: two digits of tPag, or cash, cheque, credit, debit, PIX …",
    ),
    "amount": Bilingual("valor em reais, como 1234,56", "an amount in reais, such as 1234.56"),
}


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("closings")(closings)
    app.command("read-closing")(read_closing)
    app.command("accept-closing")(accept_closing)


def closings(
    till: TillOption = None,
    days: Annotated[int, typer.Option("--days", help="How many days back.", min=1, max=1100)] = 30,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Shows each closing of a POS beside the payments that were booked, by method.

    Exit status 1 where one differs and nobody answered for it.
    """
    from malote.books import note_findings
    from malote.books.closings import listed
    from malote.business_day import business_day

    with services_of(config) as services:
        note_findings.look(services.engine, business_day(services.settings.books), time.time())
        found = listed(services.engine, till, store_clock.now().date() - timedelta(days=days))
        language = services.settings.language
    if json:
        print_json([_plain(one) for one in found])
    else:
        _show(found, language)
    if any(one.differs and not one.accepted for one in found):
        raise typer.Exit(FOUND)


def read_closing(
    files: Annotated[list[Path], typer.Argument(help="CSV files.", exists=True, dir_okay=False, readable=True)],
    dry_run: DryRunOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Reads closings of a POS from CSV files, as the folder of books.closings is read by the server.

    Exit status 1 where a file is none; nothing of it is kept then.
    """
    from malote.accounts.audit import command_line
    from malote.books import closing_file
    from malote.books.closings import keep

    told: list[dict[str, object]] = []
    with services_of(config) as services:
        for file in files:
            try:
                with file.open("rb") as stream:
                    closing = closing_file.parse(stream.read(closing_file.LARGEST + 1))
            except closing_file.ClosingError as error:
                words = _PROBLEMS[error.problem].of(services.settings.language)
                told.append({"file": file.name, "days": 0, "line": error.line, "problem": words})
                continue
            unknown = [] if dry_run else keep(services.engine, closing, file.name, time.time(), command_line())
            line: dict[str, object] = {"file": file.name, "days": len(closing)}
            if unknown:
                name = unknown[0][0]
                line = {
                    "file": file.name,
                    "days": 0,
                    "problem": Bilingual(f"não há o caixa {name}", f"no till {name}").of(services.settings.language),
                }
            told.append(line)
    if json:
        print_json(told)
    for one in told if not json else ():
        place = f", {Bilingual('linha', 'line').of(services.settings.language)} {one['line']}" if "line" in one else ""
        done = f"{one['days']} {Bilingual('dias de caixa', 'till-days').of(services.settings.language)}"
        say(f"{one['file']}{place}: {one.get('problem') or done}")
    if any("problem" in one for one in told):
        raise typer.Exit(FOUND)


def accept_closing(
    till: Annotated[str, typer.Argument(help="Whose closing.", metavar="TILL")],
    day: Annotated[str, typer.Argument(help="Of which business day.", metavar="YYYY-MM-DD")],
    reason: ReasonOption,
    config: ConfigOption = None,
) -> None:
    """A person answers for a closing that differs: lights tell of it no more, until it differs otherwise.

    Exit status 1 where it doesn't differ. The audit trail has who, by how much and why.
    """
    from malote.accounts.audit import command_line
    from malote.books import accepting

    reason = checked_reason(reason)
    chosen = day_of("DAY", day)
    with services_of(config) as services:
        cents = accepting.accept_closing(services.engine, till, chosen, command_line(), reason, time.time())
        language = services.settings.language
    if not cents:
        say(Bilingual("Nada difere aí.", "Nothing differs there.").of(language))
        raise typer.Exit(FOUND)
    say(f"{Bilingual('Aceitos', 'Accepted').of(language)}: R$ {amount(cents, language)}.")


def _plain(one: "ComparedClosing") -> dict[str, object]:
    return {
        "till": one.till, "day": one.day, "closing": one.closing, "booked": one.booked,
        "differs": one.differs, "unread": one.unread, "accepted": one.accepted,
    }  # fmt: skip


def _show(found: "Sequence[ComparedClosing]", language: Language) -> None:
    if not found:
        say(Bilingual("Nenhum fechamento foi lido.", "No closing was read.").of(language))
        return
    headings = Bilingual(
        ("Caixa", "Dia", "Forma", "Fechamento", "Lançado", ""), ("Till", "Day", "Method", "Closing", "Booked", "")
    ).of(language)
    table = plain_table(headings)
    for one in found:
        for method in sorted({*one.closing, *(one.booked or {})}):
            booked = "…" if one.booked is None else amount(one.booked.get(method, 0), language)
            own = one.differs.get(method)
            said = "" if own is None else f"{'+' if own > 0 else ''}{amount(own, language)}"
            if own is not None and one.accepted:
                said += Bilingual(" (aceito)", " (accepted)").of(language)
            closing = amount(one.closing.get(method, 0), language)
            named = Text(method_name(method, language))
            table.add_row(Text(one.till), one.day.isoformat(), named, closing, booked, Text(said))
    console.print(table)
