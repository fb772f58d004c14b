"""What the commands of the books share: of which day and till, and how a lost sale is named."""

from typing import TYPE_CHECKING, Annotated

import typer

from malote.rejection import Language
from malote.terminal.output import amount

if TYPE_CHECKING:
    from malote.tills.lost_sales import LostAtTill

DayOption = Annotated[str | None, typer.Option("--day", help="Only this business day.", metavar="YYYY-MM-DD")]
TillOption = Annotated[str | None, typer.Option("--till", help="Only this till.", metavar="TILL")]


def lost_sale(one: "LostAtTill", language: Language) -> str:
    """Till, number, key and value, as far as known."""
    number = f"{one.series}/{one.number}" if one.number is not None else one.name
    total = "?" if one.total is None else amount(one.total, language)
    return f"{one.till} · {number} · {one.access_key or '?'} · R$ {total}"
