"""Up on the shelf first, down at the till first: what tills are given of one product, as plain values."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from malote.config import LoadsSettings
from malote.load_format.digest import key_bytes
from malote.load_format.entity import ALWAYS, Entity, Row
from malote.loads import declarations, shelf_first
from malote.loads.shelf_first import LoadedRow, Rises

_DECLARED = declarations.built_in()["price"]
PRICE = Entity("price", _DECLARED.key, tuple(one.plain for one in _DECLARED.columns))
NOON, OPENS = "2026-12-02T12:00:00Z", "2026-12-03T11:00:00Z"


def day(number: int | None) -> str | None:
    return None if number is None else f"2026-12-{number:02}T00:00:00Z"


def price(value: str, begins: str | None = ALWAYS, ends: str | None = None, unit: str = "UN") -> Row:
    return ("7", unit, "", begins, ends, value, None)


Loaded = dict[bytes, LoadedRow]


def loaded(*rows: Row) -> Loaded:
    return {key_bytes(PRICE, row): LoadedRow(row) for row in rows}


def step(before: Loaded, *erp: Row, now: str = NOON, at: str | None = OPENS, **others: Any) -> Loaded:
    """After the ERP has these rows. Looking again changes nothing."""
    rows = {key_bytes(PRICE, row): row for row in erp}
    found = shelf_first.to_load(PRICE, before, rows, Rises(now, at, **others))
    again = Rises(now, at and "2026-12-20T11:00:00Z", **others)
    assert shelf_first.to_load(PRICE, found, rows, again) == found, "a price that waits isn't put off anew"
    assert shelf_first.as_the_erp_has(PRICE, found) == rows
    return found


def shown(found: Loaded) -> list[tuple[str, Any, Any]]:
    """Price, and from when to when."""
    rows = sorted((one.row for one in found.values()), key=lambda row: str(row[3]))
    return [(str(row[5]), None if row[3] == ALWAYS else row[3], row[4]) for row in rows]


@pytest.mark.parametrize(
    ("before", "erp", "wanted"),
    [
        ([price("10")], [price("12")], [("10", None, OPENS), ("12", OPENS, None)]),
        ([price("10")], [price("9")], [("9", None, None)]),
        ([price("10")], [price("10.00")], [("10.00", None, None)]),
        ([], [price("12")], [("12", None, None)]),  # a product that nobody had isn't dearer than before
        # An ERP that adds a row for each price.
        ([price("10")], [price("10"), price("12", NOON)], [("10", None, None), ("12", OPENS, None)]),
        ([price("10")], [price("10"), price("8", NOON)], [("10", None, None), ("8", NOON, None)]),
        # Its own date is later: shelf and till go by it.
        ([price("10")], [price("10"), price("12", day(9))], [("10", None, None), ("12", day(9), None)]),
        # Of another unit.
        ([price("10")], [price("10"), price("50", NOON, unit="CX")], [("10", None, None), ("50", NOON, None)]),
        # While an event goes on, a rise of the usual price is not seen before its end.
        (
            [price("10"), price("8", day(1), day(5))],
            [price("12"), price("8", day(1), day(5))],
            [("10", None, day(5)), ("8", day(1), day(5)), ("12", day(5), None)],
        ),
        # The event itself becomes dearer, and shorter.
        (
            [price("10"), price("7", day(1), day(9))],
            [price("10"), price("8", day(1), day(5))],
            [("10", None, None), ("7", day(1), OPENS), ("8", OPENS, day(5))],
        ),
        # A dearer event that is over before the labels had their time never is.
        (
            [price("10")],
            [price("10"), price("12", NOON, "2026-12-02T20:00:00Z")],
            [("10", None, None)],
        ),
        # An event of before, set anew: it is below the usual price.
        (
            [price("10"), price("8", day(1), day(2))],
            [price("10"), price("9", day(1), day(9))],
            [("10", None, None), ("9", day(1), day(9))],
        ),
    ],
)
def test_a_price_that_rises_waits_and_one_that_falls_does_not(
    before: list[Row], erp: list[Row], wanted: list[tuple[str, Any, Any]]
) -> None:
    rows = {key_bytes(PRICE, row): row for row in erp}
    found = shelf_first.to_load(PRICE, loaded(*before), rows, Rises(NOON, OPENS))
    assert shown(found) == wanted
    again = shelf_first.to_load(PRICE, found, rows, Rises(NOON, "2026-12-20T11:00:00Z"))
    assert again == found, "a price that waits isn't put off anew"
    assert shown(shelf_first.to_load(PRICE, loaded(*before), rows, Rises(NOON, None))) == shown(loaded(*erp))


def test_what_becomes_of_a_price_that_waits() -> None:
    waits = step(loaded(price("10")), price("12"))
    assert shown(step(waits, price("9"))) == [("9", None, None)], "it falls after all"
    assert shown(step(waits, price("10"))) == [("10", None, None)], "it is taken back"
    dearer = step(waits, price("13"), at="2026-12-03T18:00:00Z")
    assert shown(dearer) == [("10", None, "2026-12-03T18:00:00Z"), ("13", "2026-12-03T18:00:00Z", None)]
    assert shown(step(waits, price("12"), at=None)) == [("12", None, None)], "an emergency, or the rule is off"
    assert shown(step(waits, price("12"), urgent=["7"])) == [("12", None, None)]
    assert shown(step(waits, price("12"), urgent=["8"])) == shown(waits)
    assert step(waits) == {}, "the ERP has nothing of it any more"
    later = step(waits, price("12"), now="2026-12-05T12:00:00Z", at="2026-12-06T11:00:00Z")
    assert shown(later) == [("12", None, None)], "it has begun: as the ERP has it"
    dearer = step(waits, price("13"), now="2026-12-05T12:00:00Z", at="2026-12-06T11:00:00Z")
    assert shown(dearer) == [("12", None, "2026-12-06T11:00:00Z"), ("13", "2026-12-06T11:00:00Z", None)]


def test_an_event_that_comes_meanwhile_is_not_overtaken() -> None:
    waits = step(loaded(price("10")), price("12"))
    event = price("8", "2026-12-02T20:00:00Z", day(7))
    found = step(waits, price("12"), event)
    assert shown(found) == [("10", None, day(7)), ("8", "2026-12-02T20:00:00Z", day(7)), ("12", day(7), None)]
    gone = shelf_first.to_load(PRICE, found, {key_bytes(PRICE, price("12")): price("12")}, Rises(NOON, OPENS))
    assert shown(gone) == [("10", None, OPENS), ("12", OPENS, None)]
    refused = {key_bytes(PRICE, price("12"))}
    left = shelf_first.to_load(PRICE, waits, shelf_first.as_the_erp_has(PRICE, waits), Rises(NOON, None), refused)
    assert left == waits, "what is refused stays as it was"


EVENT = price("3", day(1), day(9))
USUAL = price("10")


@pytest.mark.parametrize(
    ("before", "erp", "wanted"),
    [
        # Deleted, ended by now, ended sooner than the labels had their time; an end that is later still is kept.
        ([USUAL, EVENT], [USUAL], [("10", None, None), ("3", day(1), OPENS)]),
        ([USUAL, EVENT], [USUAL, price("3", day(1), day(2))], [("10", None, None), ("3", day(1), OPENS)]),
        ([USUAL, EVENT], [USUAL, price("3", day(1), day(3))], [("10", None, None), ("3", day(1), OPENS)]),
        ([USUAL, EVENT], [USUAL, price("3", day(1), day(5))], [("10", None, None), ("3", day(1), day(5))]),
        # What comes of it isn't dearer; there is nothing else; it would have ended by itself before.
        ([price("2"), EVENT], [price("2")], [("2", None, None)]),
        ([EVENT], [], []),
        ([USUAL, price("3", day(1), day(3))], [USUAL], [("10", None, None), ("3", day(1), day(3))]),
        # A dearer event in its place; one row in place of another, whose beginning is its key.
        (
            [USUAL, EVENT],
            [USUAL, price("5", NOON, day(9))],
            [("10", None, None), ("3", day(1), OPENS), ("5", OPENS, day(9))],
        ),
        ([USUAL], [price("12", NOON)], [("10", None, OPENS), ("12", OPENS, None)]),
        # Another event goes on beside it, and one becomes cheaper as it ends.
        (
            [USUAL, price("2", day(1)), EVENT],
            [USUAL, price("4", "2026-12-01T12:00:00Z", day(9))],
            [("10", None, None), ("3", day(1), OPENS), ("4", OPENS, day(9))],
        ),
        ([USUAL, EVENT], [USUAL, price("1", day(1), day(3))], [("10", None, None), ("1", day(1), OPENS)]),
    ],
)
def test_an_event_that_ends_before_its_time_stays_until_the_labels_had_theirs(
    before: list[Row], erp: list[Row], wanted: list[tuple[str, Any, Any]]
) -> None:
    rows = {key_bytes(PRICE, row): row for row in erp}
    found = shelf_first.to_load(PRICE, loaded(*before), rows, Rises(NOON, OPENS))
    assert shown(found) == wanted
    later = Rises("2026-12-02T22:00:00Z", "2026-12-03T22:00:00Z")
    assert shelf_first.to_load(PRICE, found, rows, later) == found, "it stays no longer than was said"
    for over in (Rises("2026-12-05T00:00:00Z", "2026-12-06T00:00:00Z"), Rises(NOON, None), Rises(NOON, OPENS, ["7"])):
        assert shown(shelf_first.to_load(PRICE, found, rows, over)) == shown(loaded(*erp))


@pytest.mark.parametrize(
    ("at", "minutes", "now", "wanted"),
    [
        ("", 0, "2026-12-02T09:00", None),
        ("", 90, "2026-12-02T09:00:20", "2026-12-02T10:31"),
        ("08:00", 0, "2026-12-02T09:00", "2026-12-03T08:00"),
        ("08:00", 0, "2026-12-02T00:30", "2026-12-02T08:00"),
        ("08:00", 60, "2026-12-02T07:30", "2026-12-03T08:00"),
        ("08:00", 60, "2026-12-02T07:00", "2026-12-02T08:00"),
    ],
)
def test_when_a_rise_is_valid(at: str, minutes: float, now: str, wanted: str | None) -> None:
    zone = ZoneInfo("America/Sao_Paulo")
    settings = LoadsSettings(rise_at=at, rise_after_minutes=minutes)
    found = shelf_first.moment(settings, datetime.fromisoformat(now).replace(tzinfo=zone).timestamp(), zone)
    shown = None if found is None else datetime.fromtimestamp(found, zone).strftime("%Y-%m-%dT%H:%M")
    assert shown == wanted
    assert found is None or datetime.fromtimestamp(found, UTC).second == 0
