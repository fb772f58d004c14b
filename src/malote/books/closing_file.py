"""A POS's own closing as CSV: what each till took on a day, by way of payment. Pure, and bounded whatever is in it.

A heading names the columns, in Portuguese or English and any order: till, day, method, amount. Fields are parted by
``;`` or ``,``; an amount is reais with a comma or a point for the cents; a method is the two digits of tPag, or its
name. A till's day that stands in several lines with one method is their sum.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from malote.fiscal.payment_methods import method_code

LARGEST = 2_000_000  # bytes of one file
MOST_LINES = 50_000
_LONGEST = 100  # characters of a field

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "till": ("till", "caixa", "pdv"),
    "day": ("day", "dia", "data", "date"),
    "method": ("method", "forma", "meio", "pagamento", "payment"),
    "amount": ("amount", "valor", "total"),
}
_AMOUNT = re.compile(r"-?(?:\d{1,3}(?:\.\d{3})+|\d{1,12})(?:,\d{1,2})?|-?\d{1,12}(?:\.\d{1,2})?")

Closing = dict[tuple[str, date], dict[str, int]]  # by till (its name in small letters) and day: cents by method


class ClosingError(Exception):
    """The file is none. ``line`` counts from 1; ``problem`` is one of ``PROBLEMS``."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}")
        self.line = line
        self.problem = problem


PROBLEMS = ("too_large", "unreadable", "heading", "fields", "till", "day", "method", "amount")


def parse(content: bytes) -> Closing:
    """Raises ``ClosingError``, which names the line."""
    if len(content) > LARGEST:
        raise ClosingError(1, "too_large")
    lines = _text(content).splitlines()
    if len(lines) > MOST_LINES:
        raise ClosingError(MOST_LINES + 1, "too_large")
    rows = _rows(lines)
    _, heading = next(rows, (1, []))
    places = _places(heading)
    found: Closing = defaultdict(lambda: defaultdict(int))
    for line, row in rows:
        if len(row) != len(heading) or any(len(field) > _LONGEST for field in row):
            raise ClosingError(line, "fields")
        till, day, method, amount = (row[places[name]].strip() for name in _COLUMNS)
        if not till:
            raise ClosingError(line, "till")
        found[till.lower(), _day(day, line)][_method(method, line)] += _cents(amount, line)
    return {place: dict(sums) for place, sums in found.items()}


def _text(content: bytes) -> str:
    """UTF-8, as spreadsheets write it or not; else the letters of Windows."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _rows(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Those that aren't empty, each with its line."""
    delimiter = ";" if lines and ";" in lines[0] else ","
    if any("\0" in line for line in lines):
        raise ClosingError(1, "unreadable")
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ClosingError(reader.line_num, "unreadable") from error
        if any(field.strip() for field in row):
            yield reader.line_num, row


def _places(heading: Sequence[str]) -> dict[str, int]:
    named = [field.strip().lower() for field in heading]
    places = {name: [at for at, field in enumerate(named) if field in words] for name, words in _COLUMNS.items()}
    if any(len(found) != 1 for found in places.values()):
        raise ClosingError(1, "heading")
    return {name: found[0] for name, found in places.items()}


def _day(text: str, line: int) -> date:
    if match := re.fullmatch(r"(\d{2})/(\d{2})/(\d{4})", text):
        text = f"{match[3]}-{match[2]}-{match[1]}"
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ClosingError(line, "day")


def _method(text: str, line: int) -> str:
    if (code := method_code(text)) is None:
        raise ClosingError(line, "method")
    return code


def _cents(text: str, line: int) -> int:
    """Reais as people write them: 1.234,56 and 1234,56 and 1234.56."""
    plain = text.removeprefix("R$").strip()
    if not _AMOUNT.fullmatch(plain):
        raise ClosingError(line, "amount")
    if "," in plain or re.fullmatch(r"-?\d{1,3}(?:\.\d{3})+", plain):
        plain = plain.replace(".", "").replace(",", ".")
    whole, _, cents = plain.partition(".")
    sign = -1 if whole.startswith("-") else 1
    return sign * (int(whole.lstrip("-")) * 100 + int(cents.ljust(2, "0") or 0))
