"""What commands print: cleaned lines, one JSON document, amounts."""

import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from malote.bilingual import Bilingual
from malote.fiscal.amounts import money
from malote.plain import clean, clean_lines
from malote.rejection import Language


class Terminal(Console):
    """A console whose every text is cleaned on its way out, in tables and boxes too; a string is one line.

    No text is markup: what stands in brackets, such as [fiscal.operations], is said.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(clean(one) if isinstance(one, str) else one for one in objects), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control or text.isprintable() else Segment(clean_lines(text), style, control)


console = Terminal()
errors = Terminal(stderr=True)


def say(text: str = "", *, err: bool = False) -> None:
    """One line to the person at the terminal."""
    typer.echo(clean(text), err=err)


def say_lines(text: str, *, err: bool = False) -> None:
    """A text of several lines, with its own last line end."""
    typer.echo(clean_lines(text), nl=False, err=err)


def print_json(value: Any) -> None:
    """Anything msgspec can encode, as one line of JSON on standard output."""
    text = msgspec.json.encode(value).decode()
    # Within JSON everything outside of texts is printable; in texts a code says the same and orders nothing.
    sys.stdout.write(text if text.isprintable() else "".join(map(_coded, text)))
    sys.stdout.write("\n")
    sys.stdout.flush()


def _coded(character: str) -> str:
    """As JSON may write it, in UTF-16."""
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def amount(cents: int, language: Language) -> str:
    """Cents as people of the language write them, without the currency: 1.234,50 or 1,234.50."""
    text = f"{Decimal(money(cents)):,}"
    return Bilingual(text.translate(_PORTUGUESE_POINTS), text).of(language)


_PORTUGUESE_POINTS = str.maketrans(",.", ".,")


def say_no_tills(language: Language) -> None:
    """The empty state of every list of tills."""
    say(
        Bilingual(
            "Ainda não há nenhum caixa. Cadastre o primeiro: malote till create caixa1",
            "There is no till yet. Create the first one: malote till create caixa1",
        ).of(language)
    )
