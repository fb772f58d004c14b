"""Missing numbers on both databases: found as documents come, told after a moment, ended by what ends them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, select

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.books import gaps, till_questions
from malote.books.accepting import WantedGaps, accept_numbers
from malote.books.accepting import gaps as listed
from malote.books.note_findings import look
from malote.books.numbering import NumbersQuery, SeriesKey, numbers
from malote.business_day import BusinessCalendar
from malote.database.book_tables import number_gap
from malote.database.engine import open_database, reading, writing
from malote.database.migrations import migrate
from malote.database.tables import document as documents
from malote.findings import lights
from malote.findings.kinds import USUAL_SECONDS
from malote.wire import NumbersTold, Told
from tests.engines.findings_support import NOW, add_documents, add_till
from tests.engines.spool_support import ISSUER

pytest_plugins = ["tests.engines.spool_fixtures"]

LATER = NOW + USUAL_SECONDS + 1
KEY = SeriesKey(ISSUER, "65", 1)


def row(number: int, **said: Any) -> dict[str, Any]:
    own = {"kind": "sale", "issuer": ISSUER, "model": "65", "series": 1, "number": number, "state": "posted"}
    return own | {"access_key": f"{number:044d}", "issued_at": "2026-11-05T10:00:00-03:00"} | said


def void(first: int, last: int, **said: Any) -> dict[str, Any]:
    return row(first, kind="number_void", last_number=last, access_key=None, issued_at=None) | said


@pytest.fixture
def till_id(spool_engine: Engine) -> int:
    return add_till(spool_engine, "caixa1")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'store.sqlite3'}")
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def own_till(store: Engine) -> int:
    return add_till(store, "caixa1")


def send(engine: Engine, till_id: int, *given: int | dict[str, Any], at: float = NOW) -> None:
    rows = [{"accepted_at": at} | (one if isinstance(one, dict) else row(one)) for one in given]
    add_documents(engine, till_id, rows)


def missing(engine: Engine, now: float = LATER) -> list[tuple[int, int, str]]:
    gaps.look(engine, now)
    return [(one.first, one.last, one.state) for one in listed(engine, now)]


def told(engine: Engine, now: float = LATER) -> list[tuple[str, int]]:
    look(engine, BusinessCalendar(), now)
    overview = lights.till_overview(engine, "caixa1", now=now)
    assert overview is not None
    return [(one.code, one.count) for one in overview.findings if one.name == "numbers"]


def test_a_gap_is_told_after_a_moment_until_it_is_filled(spool_engine: Engine, till_id: int) -> None:
    send(spool_engine, till_id, 7, 8, 11)
    assert told(spool_engine, NOW + 1) == [], "it may be on its way"
    assert told(spool_engine) == [("numbers_missing", 2)]
    send(spool_engine, till_id, 10)
    assert told(spool_engine) == [("numbers_missing", 1)]
    send(spool_engine, till_id, row(9, state="rejected"))
    assert told(spool_engine) == [], "its number is used, whatever became of it"


def test_what_is_voided_isnt_missing_while_its_void_stands(store: Engine, own_till: int) -> None:
    send(store, own_till, 1, 6, void(3, 4), void(5, 5, state="rejected"))
    assert missing(store) == [(2, 2, "unknown"), (5, 5, "unknown")]
    assert [(one.due, one.told) for one in listed(store, LATER)] == [("2026-12-10", True)] * 2
    with writing(store) as connection:
        of_void = documents.c.kind == "number_void"
        connection.execute(documents.update().where(of_void).values(state="rejected"))
    assert missing(store, LATER + 60) == [(2, 5, "unknown")]
    send(store, own_till, void(2, 5))
    assert missing(store, LATER + 61) == []


def test_nothing_from_before_the_start_is_missing(store: Engine, own_till: int) -> None:
    legacy = {"state": "kept", "reason_code": "booked_by_old_system"}
    send(store, own_till, row(90, **legacy), row(95, **legacy), 101, 102)
    assert missing(store) == []
    send(store, own_till, 50, at=NOW + 7200)
    assert missing(store, NOW + 7201) == [], "an old file that somebody found"


def test_a_series_may_begin_with_a_smaller_number_at_first(store: Engine, own_till: int) -> None:
    send(store, own_till, 10)
    assert missing(store) == []
    send(store, own_till, 7)
    assert missing(store, LATER + 60) == [(8, 9, "unknown")]


def test_a_refused_number_far_ahead_bounds_no_gap(store: Engine, own_till: int) -> None:
    send(store, own_till, 1, 2, row(999_999_999, state="rejected"))
    assert missing(store) == []
    send(store, own_till, row(4, state="rejected"), 6)
    assert missing(store) == [(3, 3, "unknown"), (5, 5, "unknown")]


def test_cancellations_of_a_sat_take_numbers(store: Engine, own_till: int) -> None:
    send(store, own_till, row(1, model="59"), row(3, model="59"))
    assert missing(store) == []


def test_what_comes_out_of_order_ends_as_what_comes_in_order(spool_engine: Engine, till_id: int) -> None:
    for some in ([20, 1, 2000], [3, 1999, 9], [2, 10, 4, 21]):
        send(spool_engine, till_id, *some)
        gaps.look(spool_engine, LATER)
    gaps_of_page = [(one.first, one.last) for one in numbers(spool_engine, NumbersQuery(KEY)).gaps]
    assert [(first, last) for first, last, _ in missing(spool_engine, LATER + 60)] == gaps_of_page


def test_a_document_committed_after_a_newer_one_is_seen(store: Engine, own_till: int) -> None:
    send(store, own_till, 1, 2)
    gaps.look(store, NOW)
    with reading(store) as connection:
        newest = connection.execute(select(documents.c.id).order_by(documents.c.id.desc()).limit(1)).scalar_one()
        whole = dict(connection.execute(select(documents).where(documents.c.id == newest)).mappings().one())
    late = whole | {"number": 3, "access_key": "3" * 44, "file_sha256": b"late"}
    with writing(store) as connection:
        connection.execute(insert(documents).values(late | {"id": newest + 2, "number": 4, "file_sha256": b"new"}))
    gaps.look(store, NOW + 20)
    assert [(one.first, one.last) for one in listed(store, LATER)] == [(3, 3)]
    with writing(store) as connection:
        connection.execute(insert(documents).values(late | {"id": newest + 1}))
    assert missing(store, NOW + 25) == []


def test_the_till_tells_what_is_not_yet_here_from_what_is_missing(store: Engine, own_till: int) -> None:
    other = add_till(store, "caixa2")
    send(store, own_till, 1, 5)
    assert told(store) == [("numbers_missing", 3)]
    (asked,) = till_questions.asked(store, LATER)[own_till].numbers
    assert (asked.first, asked.last) == (2, 4)
    till_questions.heed(store, BusinessCalendar(), other, Told([NumbersTold(asked, [2, 3, 4])]), LATER)
    assert told(store) == [("numbers_missing", 3)], "the numbers are no other till's"
    till_questions.heed(store, BusinessCalendar(), own_till, Told([NumbersTold(asked, [3])]), LATER)
    assert missing(store) == [(2, 2, "absent"), (3, 3, "at_till"), (4, 4, "absent")]
    assert told(store) == [("numbers_missing", 2)]
    assert till_questions.asked(store, LATER + 1) == {}, "it has answered"
    assert own_till in till_questions.asked(store, LATER + till_questions.AGAIN_SECONDS + 1)


def test_a_person_accepts_some_with_a_reason(spool_engine: Engine, till_id: int) -> None:
    send(spool_engine, till_id, 1, 10)
    assert told(spool_engine) == [("numbers_missing", 8)]
    actor, wanted = Actor("maria"), WantedGaps("caixa1", 1, (3, 4))
    assert accept_numbers(spool_engine, wanted, actor, "talão de teste", LATER) == 2
    assert told(spool_engine) == [("numbers_missing", 6)]
    page = numbers(spool_engine, NumbersQuery(KEY))
    assert [(one.first, one.last) for one in page.gaps] == [(2, 2), (5, 9)]
    assert [(one.first, one.last) for one in page.accepted] == [(3, 4)]
    assert accept_numbers(spool_engine, WantedGaps("CAIXA1"), actor, "o resto", LATER) == 6
    assert told(spool_engine, LATER + 60) == []
    send(spool_engine, till_id, 5)
    assert told(spool_engine, LATER + 120) == [], "what is left of them stays accepted"
    entry = audit.entries(spool_engine, on="till:caixa1", limit=5)[-1]
    assert (entry.action, entry.after, entry.reason) == (
        "numbers_accepted",
        {"numbers": ["1/3-4"], "count": 2},
        "talão de teste",
    )


def test_a_series_that_goes_on_is_asked_nothing(store: Engine, own_till: int) -> None:
    """The cost of a look is that of what is new, and not of tills or history."""
    statements: list[str] = []
    many = [row(number, series=series) for series in range(1, 60) for number in (1, 2)]
    send(store, own_till, *many)
    gaps.look(store, NOW)
    send(store, own_till, *[row(3, series=series) for series in range(1, 60)])
    event.listen(store, "before_cursor_execute", lambda *said: statements.append(said[2]))
    gaps.look(store, NOW + 30)
    assert len([one for one in statements if "document" in one]) == 1, statements
    assert len(statements) < 20, statements
    with reading(store) as connection:
        assert connection.execute(select(number_gap)).all() == []


def test_a_gap_that_its_till_answered_bit_by_bit_is_one_range(spool_engine: Engine, till_id: int) -> None:
    """300,000 numbers are asked about 500 at a time, and each answer is a row of its own."""
    own = {"till_id": till_id, "issuer": ISSUER, "model": "65", "series": 1, "due": "2026-12-10", "checked_at": NOW}
    own |= {"found_at": NOW, "accepted_at": None}
    rows = [
        own | {"first": first, "last": first + 499, "state": "absent", "told_at": NOW + first}
        for first in range(1203, 301_203, 500)
    ]
    rows.append(own | {"first": 301_203, "last": 301_300, "state": "unknown", "told_at": None})
    with writing(spool_engine) as connection:
        connection.execute(insert(number_gap), rows)
    found = listed(spool_engine, LATER)
    assert [(one.first, one.last, one.state, one.count) for one in found] == [
        (1203, 301_202, "absent", 300_000),
        (301_203, 301_300, "unknown", 98),
    ]
    wanted = WantedGaps("caixa1", 1, (1203, 301_202))
    assert accept_numbers(spool_engine, wanted, Actor("ana"), "talões perdidos", LATER) == 300_000
    (entry,) = audit.entries(spool_engine, action="numbers_accepted")
    assert entry.after == {"numbers": ["1/1203-301202"], "count": 300_000}
    assert [(one.first, one.last) for one in listed(spool_engine, LATER)] == [(301_203, 301_300)]
