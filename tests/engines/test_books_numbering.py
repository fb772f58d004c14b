"""The numbering on both databases: gaps, voided numbers, numbers of two tills, periods, pages, and their cost."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.sql import Select

from malote.books import numbering
from malote.books.numbering import (
    Gap,
    NumberOfSeveralTills,
    NumbersPage,
    NumbersQuery,
    SeriesKey,
    SeriesQuery,
    _without,
    next_series,
    numbers,
    series,
    walk,
)
from malote.database.engine import reading
from malote.fiscal.documents import NumberVoid, Protocol
from malote.spool.documents import IncomingDocument, IncomingFile, Reason
from malote.spool.sql_queue import Spool
from malote.tills.series import assign
from malote.tills.till import Till, TillError
from tests.engines.spool_support import ISSUER, NOON, START, body_of, sha256_of
from tests.engines.spool_support import sale as sale_of

pytest_plugins = ("tests.engines.spool_fixtures",)

KEY = SeriesKey(ISSUER, "65", 1)


def send(spool: Spool, till: Till, numbers_: Sequence[int], *, series_: int = 1, model: str = "65") -> None:
    """Sales of these numbers, each issued as many seconds after noon as its number says."""
    labels = [f"{till.name}-{series_}-{model}-{number}" for number in numbers_]
    files = [
        IncomingFile(f"{label}.xml", sha256_of(label), [incoming(number, series_, model)])
        for label, number in zip(labels, numbers_, strict=True)
    ]
    spool.accept(till.id, body_of(labels), files, received_at=START)


def incoming(number: int, series_: int, model: str) -> IncomingDocument:
    issued_at = (NOON + timedelta(seconds=number)).isoformat()
    document = sale_of(number)
    return IncomingDocument(
        0, document, "accepted", None, "sale", document.access_key, model, ISSUER, series_, number, issued_at, 100
    )


def void(spool: Spool, till: Till, first: int, last: int, *, refused: bool = False) -> None:
    protocol = Protocol("135", 102, NOON)
    document = NumberVoid(ISSUER, "65", 1, 2026, first, last, 1, "pulo", protocol)
    reason = Reason("void_refused") if refused else None
    read = IncomingDocument(
        0, document, "rejected" if refused else "accepted", reason, "number_void", None, "65", ISSUER, 1, first
    )
    label = f"void-{first}-{last}"
    spool.accept(till.id, body_of([label]), [IncomingFile(label, sha256_of(label), [read])], received_at=START)


def looked(engine: Engine, **changes: object) -> NumbersPage:
    return numbers(engine, msgspec.structs.replace(NumbersQuery(KEY), **changes))


def test_a_series_without_a_gap(spool_engine: Engine, spool: Spool, till_one: Till) -> None:
    send(spool, till_one, [3, 1, 2])
    assert looked(spool_engine) == NumbersPage(KEY, 1, 3, 3, [], [], [], None)


def test_what_is_missing_is_told_as_ranges(spool_engine: Engine, spool: Spool, till_one: Till) -> None:
    send(spool, till_one, [7, 8, 10, 15])
    page = looked(spool_engine)
    assert (page.first, page.last, page.seen) == (7, 15, 4)
    assert page.gaps == [Gap(9, 9), Gap(11, 14)]
    assert page.gaps[1].count == 4


def test_voided_numbers_are_not_missing(spool_engine: Engine, spool: Spool, till_one: Till) -> None:
    send(spool, till_one, [1, 10])
    void(spool, till_one, 3, 4)
    void(spool, till_one, 6, 6, refused=True)
    void(spool, till_one, 9, 12)
    page = looked(spool_engine)
    assert page.gaps == [Gap(2, 2), Gap(5, 8)]
    assert page.voided == [Gap(3, 4), Gap(9, 12)]


def test_a_number_of_two_tills_is_told(spool_engine: Engine, spool: Spool, till_one: Till, till_two: Till) -> None:
    send(spool, till_one, [1, 2, 3])
    send(spool, till_two, [2, 3])
    page = looked(spool_engine)
    assert page.shared == [NumberOfSeveralTills(2, ["caixa1", "caixa2"]), NumberOfSeveralTills(3, ["caixa1", "caixa2"])]
    assert page.seen == 3


def test_a_rejected_sale_has_its_number(spool_engine: Engine, spool: Spool, till_one: Till) -> None:
    send(spool, till_one, [1, 3])
    rejected = msgspec.structs.replace(incoming(2, 1, "65"), state="rejected", reason=Reason("items_sum"))
    file = IncomingFile("2.xml", sha256_of("two"), [rejected])
    spool.accept(till_one.id, body_of(["two"]), [file], received_at=START)
    assert looked(spool_engine).gaps == []


def test_a_period_begins_and_ends_where_its_sales_do(spool_engine: Engine, spool: Spool, till_one: Till) -> None:
    send(spool, till_one, [*range(1, 40), *range(50, 100)])
    since, until = NOON + timedelta(seconds=20), NOON + timedelta(seconds=61)
    page = looked(spool_engine, since=since, until=until)
    assert (page.first, page.last) == (20, 60)
    assert page.gaps == [Gap(40, 49)]
    assert looked(spool_engine, since=NOON + timedelta(days=1)).first is None
    assert looked(spool_engine, until=NOON).last is None
    # A gap belongs to the period of the sale behind it, and to no other.
    border = NOON + timedelta(seconds=44)
    assert looked(spool_engine, until=border) == NumbersPage(KEY, 1, 39, 39, [], [], [], None)
    assert looked(spool_engine, since=border) == NumbersPage(KEY, 50, 99, 50, [Gap(40, 49)], [], [], None)


def test_pages_meet_without_seam(
    spool_engine: Engine, spool: Spool, till_one: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbering, "LARGEST_WALK", 3)
    present = [1, 2, 4, 5, 6, 9, 10, 14]
    send(spool, till_one, present)
    gaps, seen, after = [], 0, 0
    while True:
        page = looked(spool_engine, after=after)
        gaps += page.gaps
        seen += page.seen
        if page.after is None:
            break
        after = page.after
    assert gaps == [Gap(3, 3), Gap(7, 8), Gap(11, 13)]
    assert seen == len(present)


def test_a_page_has_so_many_gaps_at_most(
    spool_engine: Engine, spool: Spool, till_one: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbering, "MOST_GAPS", 2)
    send(spool, till_one, [1, 3, 5, 7])
    page = looked(spool_engine)
    assert (page.gaps, page.after) == ([Gap(2, 2), Gap(4, 4)], 5)
    assert looked(spool_engine, after=5).gaps == [Gap(6, 6)]


def test_series_come_in_order_page_by_page(spool_engine: Engine, spool: Spool, till_one: Till, till_two: Till) -> None:
    send(spool, till_one, [1, 2], series_=1)
    send(spool, till_one, [5], series_=2)
    send(spool, till_two, [7], series_=2, model="59")
    assign(spool_engine, till_one, ISSUER, "65", 1)
    assign(spool_engine, till_two, ISSUER, "65", 2)
    page = series(spool_engine, SeriesQuery(size=2))
    assert [(one.key.model, one.key.series, one.first, one.last) for one in page.series] == [
        ("59", 2, 7, 7),
        ("65", 1, 1, 2),
    ]
    assert [one.owner for one in page.series] == [None, "caixa1"]
    rest = series(spool_engine, SeriesQuery(size=2, after=page.after))
    assert [one.key for one in rest.series] == [SeriesKey(ISSUER, "65", 2)]
    assert rest.after is None
    mine = series(spool_engine, SeriesQuery(till="CAIXA2"))
    assert [one.key for one in mine.series] == [SeriesKey(ISSUER, "65", 2)]


def test_a_series_of_a_till_that_has_sold_nothing(spool_engine: Engine, till_one: Till) -> None:
    assign(spool_engine, till_one, ISSUER, "65", 9)
    (one,) = series(spool_engine, SeriesQuery(till="caixa1")).series
    assert (one.first, one.last) == (None, None)
    assert series(spool_engine, SeriesQuery()).series == []
    with pytest.raises(TillError):
        series(spool_engine, SeriesQuery(till="caixa7"))


@given(st.sets(st.integers(1, 40)), st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9)), max_size=6))
def test_a_gap_less_its_voids_is_what_counting_says(present: set[int], voids: list[tuple[int, int]]) -> None:
    gap = Gap(1, 40)
    ranges = sorted((Gap(first, first + length) for first, length in voids), key=lambda one: (one.first, one.last))
    voided = {number for one in ranges for number in range(one.first, one.last + 1)}
    left = [number for one in _without(gap, ranges) for number in range(one.first, one.last + 1)]
    assert left == sorted(set(range(1, 41)) - voided)
    assert present <= set(range(1, 41))


def plan_of(engine: Engine, statement: Select[tuple[object, ...]]) -> str:
    compiled = statement.compile(engine, compile_kwargs={"literal_binds": True})
    explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with reading(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        return "\n".join(str(row[-1]) for row in connection.execute(text(f"{explain} {compiled}")))


@pytest.mark.parametrize(
    "statement", [walk(KEY, 0, 999), next_series(None), next_series(KEY)], ids=["walk", "first", "next"]
)
def test_the_numbering_reads_the_index_and_nothing_else(
    spool_engine: Engine, statement: Select[tuple[object, ...]]
) -> None:
    plan = plan_of(spool_engine, statement)
    if spool_engine.dialect.name == "sqlite":
        assert "COVERING INDEX document_number" in plan
        assert "TEMP B-TREE" not in plan
    else:
        assert "Index Only Scan using document_number" in plan
        assert "Sort" not in plan


def test_times_are_compared_whatever_their_zone(spool_engine: Engine, spool: Spool, till_one: Till) -> None:
    send(spool, till_one, [10, 20, 30])
    until = datetime.fromisoformat("2026-11-20T09:00:25-03:00")
    assert until.astimezone(UTC) == NOON + timedelta(seconds=25)
    assert looked(spool_engine, until=until).last == 20
