"""Which of two events of a product stays out, as plain values."""

import pytest

from malote.load_format.digest import key_bytes
from malote.load_format.entity import Entity, Row
from malote.loads import declarations
from malote.loads.declarations import Declaration
from malote.loads.event_conflicts import DatedRow, conflicts, may_conflict

NOW = "2026-11-28T12:00:00Z"


def _entity(name: str) -> Entity:
    declared: Declaration = declarations.built_in()[name]
    return Entity(name, declared.key, tuple(one.plain for one in declared.columns))


PRICE, PROMOTION = _entity("price"), _entity("promotion")


def day(number: int) -> str:
    return f"2026-12-{number:02}T00:00:00Z"


def price(begins: int | None, ends: int | None, region: str = "", product: str = "7") -> Row:
    since = "1970-01-01T00:00:00Z" if begins is None else day(begins)
    return (product, "UN", region, since, None if ends is None else day(ends), "9.90", None)


def promotion(code: str, begins: int | None, ends: int | None, quantity: str | None = None) -> Row:
    return (code, "7", None, begins and day(begins), ends and day(ends), "9.90", None, quantity)


@pytest.mark.parametrize(
    ("known", "fresh", "out"),
    [
        ([price(None, None)], [price(1, 5), price(6, 9)], []),
        ([price(None, None), price(1, 5)], [price(4, 9)], [price(4, 9)]),
        ([price(1, 5)], [price(4, None)], [price(4, None)]),  # the usual price may not begin within an event
        ([price(1, 5)], [price(5, 9)], []),
        ([price(1, 5)], [price(4, 9, region="2"), price(4, 9, product="8")], []),
        ([price(4, 9)], [price(1, 5)], [price(1, 5)]),
        ([price(4, 9), price(1, 5)], [], []),  # nothing of it is new
        ([], [price(1, 9), price(2, 3), price(4, 5)], [price(2, 3), price(4, 5)]),
        ([], [price(1, 9), price(2, 11), price(10, 12)], [price(2, 11)]),
        ([promotion("A", 1, 5)], [promotion("B", 4, 9), promotion("C", 4, 9, "3.0000")], [promotion("B", 4, 9)]),
        ([promotion("A", None, None)], [promotion("B", 4, 9)], [promotion("B", 4, 9)]),
        ([promotion("A", 1, 5)], [promotion("B", 5, None)], []),
    ],
)
def test_what_came_later_stays_out(known: list[Row], fresh: list[Row], out: list[Row]) -> None:
    entity = PROMOTION if len((known + fresh)[0]) == 8 else PRICE
    rows = [
        DatedRow(key_bytes(entity, row), row, is_new)
        for is_new, some in ((False, known), (True, fresh))
        for row in some
    ]
    found = [one.key for one in conflicts(entity, rows, NOW)]
    assert found == [key_bytes(entity, row) for row in out]


def test_what_is_over_is_no_conflict() -> None:
    rows = [DatedRow(key_bytes(PRICE, row), row, is_new=True) for row in (price(1, 5), price(4, 9))]
    assert [one.facts["event"] for one in conflicts(PRICE, rows, day(4))] == [f"{day(4)} – {day(9)}"]
    always = [DatedRow(b"1", price(None, 5), False), DatedRow(b"2", price(1, 9), True)]
    assert [one.facts["other"] for one in conflicts(PRICE, always, day(4))] == [f"… – {day(5)}"]
    assert list(conflicts(PRICE, rows, day(5))) == []


def test_most_prices_are_never_looked_for() -> None:
    assert not may_conflict(PRICE, price(None, None))
    assert may_conflict(PRICE, price(1, None))
    assert may_conflict(PRICE, price(None, 3))
    assert may_conflict(PROMOTION, promotion("A", None, None))
