"""Amounts as documents write them: plain ASCII digits with a point; no sign, exponent, comma or other numerals.

Each table remembers the texts it has met, since prices, rates and zeros repeat all day long;
what it can't read raises ``AmountError``; white space is as good as nothing. The tables are shared by threads: an
entry may be computed twice, never wrongly.
"""

import re
from collections.abc import Mapping
from decimal import Decimal

_MONEY = re.compile(r"([0-9]{1,13})(?:\.([0-9]{1,2})0{0,8})?")
_DECIMAL = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,10})?")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029][\x00-\x20\x7f-\x9f\u2028\u2029]*")
_REMEMBERED = 20_000  # entries of one table
_LONGEST = 26  # characters of the longest decimal
_SHOWABLE = re.compile(r"[0-9.,+\-eE ]{1,20}")


class AmountError(ValueError):
    """A text is no amount, or not within the limits of the official layout."""


class _Cents(dict[str, int]):
    """Money in cents. "" gives 0: an absent amount. More than two decimals only when the rest are zeros."""

    def __missing__(self, text: str) -> int:
        stripped = text.strip()
        match = _MONEY.fullmatch(stripped)
        if match is None:
            if not stripped:
                return 0
            raise AmountError
        whole, fraction = match.groups(default="")
        amount = int(whole) * 100 + int(f"{fraction:0<2}")
        if len(self) < _REMEMBERED and len(text) <= _LONGEST:
            self[text] = amount
        return amount


class _Decimals(dict[str, Decimal]):
    """Quantities and unit prices, with the digits as written: "1.500" stays so."""

    def __missing__(self, text: str) -> Decimal:
        stripped = text.strip()
        if _DECIMAL.fullmatch(stripped) is None:
            raise AmountError
        amount = Decimal(stripped)
        if len(self) < _REMEMBERED and len(text) <= _LONGEST:
            self[text] = amount
        return amount


class _Rates(dict[str, Decimal | None]):
    """Rates in percent. "" gives None: an absent rate."""

    def __missing__(self, text: str) -> Decimal | None:
        if not text.strip():
            return None
        rate = DECIMALS[text]
        if len(self) < _REMEMBERED and len(text) <= _LONGEST:
            self[text] = rate
        return rate


def printable(text: str) -> str:
    """A text of one line as it may go on: without white space around it, and each run of control characters in it a
    space."""
    stripped = text.strip()
    return stripped if stripped.isprintable() else _CONTROLS.sub(" ", stripped)


CENTS = _Cents({"": 0})
DECIMALS = _Decimals()
RATES = _Rates({"": None})


def is_amount(name: str, text: str) -> bool:
    """Whether ``text`` is what the element ``name`` should hold. What is no amount may hold anything.

    By the layout's own habit, what a name begins with says what it is: v money, p a rate, q a quantity.
    """
    table: Mapping[str, object]
    match name[:1]:
        case "v":
            table = DECIMALS if name == "vUnCom" else CENTS
        case "p":
            table = RATES
        case "q":
            table = DECIMALS
        case _:
            return True
    try:
        table[text]
    except AmountError:
        return False
    return True


def whole_number(text: str) -> int | None:
    """A number of up to nine digits, such as a series; None when ``text`` is none."""
    stripped = text.strip()
    return int(stripped) if len(stripped) <= 9 and stripped.isdecimal() and stripped.isascii() else None


def money(cents: int) -> str:
    """Cents as people and documents write them: "12.34"."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02}"


def shown(text: str) -> str:
    """What may be said of a text that should have been an amount: only if it holds nothing but an amount's signs."""
    return text if _SHOWABLE.fullmatch(text) else f"({len(text)})"
