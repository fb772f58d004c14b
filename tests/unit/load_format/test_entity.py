"""A value has one spelling, whatever type it came as; what a column can't hold is told with its column."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from malote.load_format.entity import ColumnKind, Entity, EntityColumn, UnfitValueError

SPELLINGS: list[tuple[ColumnKind, Any, Any]] = [
    ("text", "Café", "Café"),
    ("text", 7891, "7891"),
    ("integer", Decimal("12.00"), 12),
    ("integer", "12", 12),
    ("decimal", Decimal("12.5"), "12.50"),
    ("decimal", "12.500", "12.50"),
    ("decimal", 12.1, "12.10"),
    ("decimal", 0, "0.00"),
    ("decimal", "-0.00", "0.00"),
    ("decimal", Decimal("1E+2"), "100.00"),
    ("boolean", 1, True),
    ("boolean", Decimal(0), False),
    ("date", datetime(2026, 11, 28, 23, 59, tzinfo=UTC), "2026-11-28"),
    ("date", date(2026, 11, 28), "2026-11-28"),
    ("date", "2026-11-28", "2026-11-28"),
    ("instant", "2026-11-28T06:30:00-03:00", "2026-11-28T09:30:00Z"),
    ("instant", datetime(2026, 11, 28, 9, 30, 0, 999, tzinfo=UTC), "2026-11-28T09:30:00Z"),
]
UNFIT: list[tuple[ColumnKind, Any]] = [
    ("text", "x" * 11),
    ("integer", "1.5"),
    ("integer", 2**63),
    ("integer", "NaN"),
    ("integer", "doze"),
    ("decimal", "1.005"),
    ("decimal", "doze"),
    ("decimal", "Infinity"),
    ("decimal", "NaN"),
    ("decimal", 10**17),
    ("boolean", "sim"),
    ("date", "28/11/2026"),
    ("instant", "2026-11-28T09:30:00"),
    ("instant", "x" * 10_000),
]


HIDDEN = [
    "\x00",
    "\t",
    "\x85",
    "\u2028",
    "\ud800",
    "\u202e",
    "\u2066",
    "\u200b",
    "\u200f",
    "\ufeff",
    "\xad",
    "\U000e0041",
]


def of_one(kind: ColumnKind) -> Entity:
    return Entity("price", ("code",), (EntityColumn("code"), EntityColumn("value", kind, longest=10)))


@pytest.mark.parametrize(("kind", "value", "spelt"), SPELLINGS)
def test_a_value_has_one_spelling(kind: ColumnKind, value: Any, spelt: Any) -> None:
    row = of_one(kind).row(["1", value])
    assert row == ("1", spelt)
    assert type(row[1]) is type(spelt)
    assert of_one(kind).row(row) == row, "and keeps it"


@pytest.mark.parametrize(("kind", "value"), UNFIT)
def test_what_a_column_cannot_hold_is_told(kind: ColumnKind, value: Any) -> None:
    with pytest.raises(UnfitValueError) as raised:
        of_one(kind).row(["1", value])
    assert raised.value.code == "load_value_unfit"
    assert raised.value.facts["column"] == "value"
    assert len(raised.value.facts["reason"]) <= 100
    assert "<class" not in raised.value.facts["reason"], "words of the program's language"


@pytest.mark.parametrize("hidden", HIDDEN)
def test_a_character_that_does_not_show_is_told_with_its_place(hidden: str) -> None:
    with pytest.raises(UnfitValueError, match="load_text_hidden") as raised:
        of_one("text").row(["1", f"Ca{hidden}fé"])
    facts = {"entity": "price", "column": "value", "character": f"U+{ord(hidden):04X}", "place": "3"}
    assert raised.value.facts == facts


def test_a_blank_that_does_not_break_shows() -> None:
    assert of_one("text").row(["1", "Pão\xa0☕\ufe0f"])


def test_what_is_personal_stays_out_of_the_error() -> None:
    entity = Entity("operator", ("code",), (EntityColumn("code"), EntityColumn("name", longest=5, personal=True)))
    with pytest.raises(UnfitValueError) as raised:
        entity.row(["1", "Maria\x00"])
    assert "Maria" not in str(raised.value.facts)
    assert "U+0000" not in str(raised.value.facts)


def test_a_null_is_no_key_and_nothing_that_is_required() -> None:
    entity = Entity(
        "price", ("code",), (EntityColumn("code"), EntityColumn("value", required=True), EntityColumn("note"))
    )
    assert entity.row(["1", "2", None]) == ("1", "2", None)
    for values in ([None, "2", None], ["1", None, None]):
        with pytest.raises(UnfitValueError, match="load_value_missing"):
            entity.row(values)
    with pytest.raises(UnfitValueError, match="load_row_shape"):
        entity.row(["1"])


@pytest.mark.parametrize("key", [("gone",), ("code", "code")])
def test_an_entity_does_not_contradict_itself(key: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="price"):
        Entity("price", key, (EntityColumn("code"),))
    with pytest.raises(ValueError, match="price"):
        Entity("price", ("code",), (EntityColumn("code"), EntityColumn("code")))
