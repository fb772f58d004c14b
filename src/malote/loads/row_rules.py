"""Rules that a row of the ERP must keep to be sold with. One that breaks a rule stays out; what it was last stays in.

What no table here can know isn't claimed: an NCM is refused for its form and its chapter, a cClassTrib for its form and
the CST-IBS/CBS that it begins with; the authority's table of classes changes every few months.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from malote.explained_error import ExplainedError
from malote.load_format.entity import Value

_NO_CHAPTERS = frozenset({"77", "98", "99"})  # of the NCM: 77 is kept free, 98 and 99 are no goods' in Brazil
# CST-IBS/CBS of the technical note 2025.002; what a cClassTrib begins with.
_REFORM_STATUSES = frozenset(
    f"{number:03d}"
    for number in (0, 10, 11, 200, 210, 220, 221, 222, 400, 410, 510, 515, 550, 620, 800, 810, 811, 820, 830)
)
_SHORTEST_HASH = 20  # characters: no PIN that anybody types is so long
_FEWEST_LETTERS = 8  # different ones of a hash: fewer have a PIN that is filled up, and of hashes one in millions


class RowError(ExplainedError):
    """The row breaks a rule; facts: entity, column, value (without what is personal)."""


Row = Mapping[str, Value]


def _ncm(value: Value, _row: Row) -> bool:
    text = str(value)
    return len(text) == 8 and text.isascii() and text.isdigit() and text[:2] not in _NO_CHAPTERS


def _reform_class(value: Value, _row: Row) -> bool:
    text = str(value)
    return len(text) == 6 and text.isascii() and text.isdigit() and text[:3] in _REFORM_STATUSES


def _digits(value: Value, _row: Row) -> bool:
    return str(value).isascii() and str(value).isdigit()


def _hashed(value: Value, _row: Row) -> bool:
    text = str(value)
    is_one_word = text.isascii() and not any(map(str.isspace, text)) and any(map(str.isalpha, text))
    return is_one_word and len(text) >= _SHORTEST_HASH and len(set(text)) >= _FEWEST_LETTERS


def _needs_no_pin(row: Row) -> bool:
    return row.get("active") is False


def _after_valid_from(value: Value, row: Row) -> bool:
    begins = row.get("valid_from")
    return begins is None or str(value) > str(begins)  # both have the one spelling of an instant


# By the name that a declaration has for it: the code of the catalogue, and whether a value keeps it.
RULES: dict[str, tuple[str, Callable[[Value, Row], bool]]] = {
    "ncm": ("load_ncm_unknown", _ncm),
    "reform_class": ("load_class_unknown", _reform_class),
    "digits": ("load_value_no_digits", _digits),
    "hashed": ("load_pin_readable", _hashed),
    "not_negative": ("load_value_negative", lambda value, _row: Decimal(str(value)) >= 0),
    "positive": ("load_value_not_positive", lambda value, _row: Decimal(str(value)) > 0),
    "after_valid_from": ("load_validity_backwards", _after_valid_from),
}

# Of a column that the profile has: the code of an empty one's row, and whether the row may have it so. Without a PIN a
# POS may let anybody in.
EMPTY_RULES: dict[str, tuple[str, Callable[[Row], bool]]] = {"hashed": ("load_pin_empty", _needs_no_pin)}
