"""Values as Brazilian ERPs write them into columns of text, or lose in columns of numbers: ``1.234,56``,
``28/11/2026``, an NCM with its points, a CST without its zeros in front."""

import re
from decimal import Decimal
from typing import Any

from malote.loads.declarations import DeclaredColumn

_COMMA = re.compile(r"-?(?:\d{1,3}(?:\.\d{3})+|\d+),\d+")
_DAY_FIRST = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})((?:[ T]\d{2}:\d{2}.*)?)")
_DIGITS_OF_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})")
_LONGEST_OF_ZEROS = 3  # digits: a CST may be 00 or 000
_POINTED = re.compile(r"\d+(?:\.\d+)+")


def plain(declared: DeclaredColumn, value: Any) -> Any:
    """As the entity reads it, blanks of a column of fixed width gone; what isn't understood stays as it is."""
    if isinstance(value, str) and declared.kind != "text":
        return _written(declared.kind, value.strip())
    if isinstance(value, str) and declared.digits and _POINTED.fullmatch(value.strip()):
        return value.strip().replace(".", "")
    if declared.digits and isinstance(value, int | float | Decimal) and value == int(value):
        if value < 0 or (value == 0 and declared.digits > _LONGEST_OF_ZEROS):  # no NCM and no CEST: as it is
            return value
        return str(int(value)).zfill(declared.digits)
    return value


def grows(changed: Any) -> bool:
    """Whether a later change is greater: a text with the day in front is not."""
    return not (isinstance(changed, str) and _DAY_FIRST.fullmatch(changed.strip()))


def _written(kind: str, text: str) -> str:
    if kind == "decimal" and _COMMA.fullmatch(text):
        return text.replace(".", "").replace(",", ".")
    if kind in ("date", "instant"):
        if not text.strip(" /"):  # what a mask leaves of an empty day
            return ""
        if found := _DAY_FIRST.fullmatch(text):
            day, month, year, clock = found.groups()
            return f"{year}-{month:>02}-{day:>02}{clock}"
        if found := _DIGITS_OF_DAY.fullmatch(text):
            return "-".join(found.groups())
    return text
