"""What the tables of the commands are made of."""

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from malote.bilingual import Bilingual
from malote.plain import clean
from malote.rejection import Language
from malote.terminal import store_clock

LONGEST_IN_A_LIST = 80  # characters of what a person typed


def plain_table(headings: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading)
    return table


def folded(words: str) -> str:
    """What a person typed, short enough for a line of a list; whole it is in --json and in the audit trail."""
    return clean(words, LONGEST_IN_A_LIST)


def printable(words: str) -> Text:
    """For a cell of a table, without what would be markup or move the cursor: people type anything."""
    return Text(clean(words))


def local_time(at: float, language: Language) -> str:
    """Seconds since the epoch by the store's clock, as people of the language write it."""
    here = store_clock.here(at)
    return Bilingual(f"{here:%d/%m/%Y %H:%M:%S}", f"{here:%Y-%m-%d %H:%M:%S}").of(language)
