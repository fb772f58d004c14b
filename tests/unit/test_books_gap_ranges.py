"""Missing numbers as ranges: cut by voids, by what the till said, and by what a person accepted."""

from datetime import date

import pytest

from malote.books.gap_ranges import GapRange, Hole, cut, parts_of, told, voiding_due

HOLE = Hole(5, 9, 1, 100.0, "2026-12-10")


def part(first: int, last: int, state: str = "unknown", **said: float) -> GapRange:
    return GapRange(first, last, 1, state, said.pop("found_at", 100.0), "2026-12-10", **said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ranges", "found"),
    [
        ([], [(5, 9, False)]),
        ([(1, 4), (10, 20)], [(5, 9, False)]),
        ([(6, 6)], [(5, 5, False), (6, 6, True), (7, 9, False)]),
        ([(1, 6), (4, 7)], [(5, 6, True), (7, 7, True), (8, 9, False)]),
        ([(8, 20)], [(5, 7, False), (8, 9, True)]),
        ([(1, 20)], [(5, 9, True)]),
    ],
)
def test_a_range_is_cut(ranges: list[tuple[int, int]], found: list[tuple[int, int, bool]]) -> None:
    assert list(cut(5, 9, ranges)) == found


def test_voids_are_parts_of_their_own() -> None:
    assert parts_of([HOLE], [(7, 7)], []) == [part(5, 6), part(7, 7, "voided"), part(8, 9)]


def test_what_was_known_stays_known_of_what_is_still_missing() -> None:
    known = [part(1, 6, "absent", found_at=50.0, accepted_at=60.0), part(8, 8, "voided")]
    assert parts_of([HOLE], [], known) == [part(5, 6, "absent", found_at=50.0, accepted_at=60.0), part(7, 9)]


def test_the_till_has_some_and_not_the_others() -> None:
    has = part(6, 7, "at_till", told_at=9.0)
    assert told(part(5, 9), [7, 6, 3], 9.0) == [
        part(5, 5, "absent", told_at=9.0),
        has,
        part(8, 9, "absent", told_at=9.0),
    ]


@pytest.mark.parametrize(
    ("issued_at", "due"),
    [("2026-11-30T23:59:00-03:00", "2026-12-10"), ("2026-12-01T00:00:00-03:00", "2027-01-10"), (None, "2026-03-10")],
)
def test_the_last_day_for_voiding(issued_at: str | None, due: str) -> None:
    assert voiding_due(issued_at, date(2026, 2, 28)) == due
