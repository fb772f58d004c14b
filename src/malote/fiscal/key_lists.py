"""Access keys out of lists that other systems wrote: with masks, in any column, one row after the other.

Nothing is held in memory but the row at hand, so that a list may have millions of them.
"""

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TextIO

import msgspec

from malote.fiscal import access_key as keys
from malote.fiscal import typed_input

_SEPARATORS = ";,\t|"
_SHOWN = 60
_LONGEST_CELL = 10_000
# What spreadsheets put around a number so that it stays a text: ="3526…", '3526….
_AS_TEXT = re.compile(r"\s*=?\s*[\"']?(.*?)[\"']?\s*", re.DOTALL)
_DIGITS_OF_NO_HEADING = 20


class KeyLine(msgspec.Struct, frozen=True):
    """A row of a list. ``key`` None where it holds no right key, or two of them; ``found`` is what it has instead."""

    number: int  # from 1
    key: str | None
    found: str = ""


class ListError(ValueError):
    """The list itself can't be read; the message says why."""


def right_key(text: str) -> str | None:
    """The key, where its check digit is right too."""
    bare = _AS_TEXT.fullmatch(text[:_LONGEST_CELL])
    found = typed_input.access_key(bare[1] if bare else text)
    return found if found is not None and keys.is_right(found) else None


def of_file(path: Path, column: str = "") -> Iterator[KeyLine]:
    """The keys of a CSV file, of ``column`` or of whichever cell holds one; a first row that has nothing like a key is
    a heading. Raises ``ListError``, ``OSError``."""
    with path.open(encoding=_encoding(path), errors="replace", newline="") as file:
        yield from of_rows(_rows(file), column, heading=True)


def _encoding(path: Path) -> str:
    """Keys are digits and capitals: only UTF-16, which spreadsheets write too, holds them otherwise."""
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def of_rows(rows: Iterable[Sequence[str]], column: str = "", *, heading: bool = False) -> Iterator[KeyLine]:
    """Empty rows are no rows; ``heading``: the first one may be one. Raises ``ListError``."""
    numbered: Iterator[tuple[int, Sequence[str]]] = (
        (number, row) for number, row in enumerate(rows, 1) if any(cell.strip() for cell in row)
    )
    first = next(numbered, None)
    if first is None:
        return
    place = _place(first[1], column) if column else None
    if place is None and not (heading and _is_heading(first[1])):
        numbered = chain([first], numbered)
    for number, row in numbered:
        yield _line(number, row, place)


def _rows(file: TextIO) -> Iterator[list[str]]:
    head = file.readline(_LONGEST_CELL)
    file.seek(0)
    separator = max(_SEPARATORS, key=head.count)
    try:
        yield from csv.reader(file, delimiter=separator)
    except csv.Error as error:
        raise ListError(str(error)) from error


def _is_heading(row: Sequence[str]) -> bool:
    """A key with a wrong digit is none: it would be left out, and nobody told."""
    return all(sum(map(str.isdigit, cell[:_LONGEST_CELL])) < _DIGITS_OF_NO_HEADING for cell in row)


def _place(heading: Sequence[str], column: str) -> int:
    named = [cell.strip().lower() for cell in heading]
    if column.strip().lower() not in named:
        raise ListError(f"{column}: {', '.join(named)[:200]}")
    return named.index(column.strip().lower())


def _line(number: int, row: Sequence[str], place: int | None) -> KeyLine:
    cells = row if place is None else row[place : place + 1]
    found = {key for cell in cells if (key := right_key(cell)) is not None}
    if len(found) == 1:
        return KeyLine(number, found.pop())
    return KeyLine(number, None, " ".join(cells)[:_SHOWN])
