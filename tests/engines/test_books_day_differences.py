"""Days of which till and server count other sales: found by digest, named by the till, accepted by a person."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, time
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine

from malote.accounts import audit
from malote.accounts.audit import SYSTEM
from malote.books import till_questions
from malote.books.accepting import accept_day
from malote.books.board import BoardQuery, board, of_day
from malote.books.note_findings import look
from malote.business_day import BusinessCalendar
from malote.database.engine import reading
from malote.findings import lights
from malote.reconciliation import day_differences
from malote.tills.contact import record_contact
from malote.tills.till import create_till
from malote.wire import Contact, DayTold, TillDay, Told
from tests.engines.posting_support import Shop, open_shop
from tests.engines.sales import OPENING, cancellation, sale

pytest_plugins = ["tests.engines.spool_fixtures"]

DAY = OPENING.date()
VALUE = sale(1).totals.total
OVER = datetime.combine(DAY, time()).astimezone().timestamp() + 2 * 86_400
LATER = OVER + 400


def line(number: int, state: str = "booked", total: int = VALUE) -> str:
    return f"{sale(number).access_key} {state} {total}"


def say(engine: Engine, till_id: int, lines: Sequence[str], turn: int = 1) -> None:
    sha256 = hashlib.sha256("".join(f"{one}\n" for one in sorted(lines)).encode()).hexdigest()
    total = sum(int(one.split()[2]) for one in lines)
    days = [TillDay(DAY.isoformat(), len(lines), total, sha256, turn)]
    now = OVER - 86_400
    contact = Contact("1", datetime.fromtimestamp(now, UTC), pending=0, unproven=0, days=days)
    record_contact(engine, till_id, contact, received_at=now)


def answer(engine: Engine, till_id: int, lines: Sequence[str]) -> None:
    told_ = Told(day=DayTold(DAY.isoformat(), list(lines)))
    till_questions.heed(engine, BusinessCalendar(), till_id, told_, OVER)


def told(engine: Engine) -> list[tuple[int, int]]:
    look(engine, BusinessCalendar(), OVER)
    look(engine, BusinessCalendar(), LATER)
    overview = lights.till_overview(engine, "caixa1", now=LATER)
    assert overview is not None
    return [(one.count, one.value) for one in overview.findings if one.name == "days"]


def named(engine: Engine) -> list[tuple[str, str]]:
    with reading(engine) as connection:
        return [(one.what, one.access_key) for one in day_differences.listed(connection, DAY, DAY)]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path, f"sqlite:///{tmp_path / 'erp.sqlite3'}") as opened:
        with closing(opened.erp()) as erp:
            erp.create_structure()
        yield opened


def test_as_many_sales_and_others_are_named_by_the_tills_own_list(shop: Shop) -> None:
    engine, till_id = shop.engine, shop.till.id
    shop.accept(sale(1), sale(2), sale(3))
    lines = [line(1), line(2), line(4)]
    say(engine, till_id, lines)
    assert told(engine) == [(1, 0)], "in what is not known yet"
    assert till_questions.asked(engine, LATER)[till_id].day == DAY.isoformat()
    answer(engine, till_id, [line(1), line(2)])
    assert named(engine) == [("untold", "")], "that isn't what its digest was taken of"
    answer(engine, till_id, lines)
    assert named(engine) == [("not_at_till", sale(3).access_key), ("not_here", sale(4).access_key)]
    assert told(engine) == [(1, VALUE)]
    assert till_questions.asked(engine, LATER) == {}
    found = board(engine, BusinessCalendar(), BoardQuery(DAY, DAY), DAY)
    assert found.rows[0].cells[DAY].arrived == "partly"
    assert [one.what for one in found.other] == ["not_at_till", "not_here"]
    listed = of_day(engine, BusinessCalendar(), "caixa1", DAY)
    assert [(one.differs, one.access_key) for one in listed if one.differs] == [
        ("till_not_at_till", sale(3).access_key),
        ("till_not_here", sale(4).access_key),
    ]
    assert accept_day(engine, "caixa1", DAY, SYSTEM, "caixa trocado", LATER) == 2
    assert told(engine) == []
    assert accept_day(engine, "caixa1", DAY, SYSTEM, "de novo", LATER) == 0


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([line(1, total=VALUE + 1), line(2)], [("total", sale(1).access_key)]),
        ([line(1, "cancelled"), line(2)], [("state", sale(1).access_key)]),
        ([line(1), line(2)], []),
    ],
)
def test_another_total_or_a_cancellation_that_never_came(
    shop: Shop, lines: list[str], found: list[tuple[str, str]]
) -> None:
    shop.accept(sale(1), sale(2))
    say(shop.engine, shop.till.id, lines)
    assert bool(told(shop.engine)) == bool(found)
    answer(shop.engine, shop.till.id, lines)
    assert named(shop.engine) == found


def test_what_came_from_elsewhere_is_explained_by_the_list(shop: Shop) -> None:
    """A cancellation that the till has no file of, and a version that came after the one it counted."""
    other = msgspec.structs.replace(sale(2), totals=msgspec.structs.replace(sale(2).totals, total=VALUE + 5))
    shop.accept(sale(1), sale(2), other, cancellation(sale(1)))
    lines = [line(1), line(2)]
    say(shop.engine, shop.till.id, lines)
    assert told(shop.engine) == [(1, 0)]
    answer(shop.engine, shop.till.id, lines)
    assert told(shop.engine) == []


def test_a_till_that_counts_fewer_is_no_difference(shop: Shop) -> None:
    shop.accept(sale(1), sale(2))
    say(shop.engine, shop.till.id, [line(1)])
    assert told(shop.engine) == [], "its outbox may have been made anew"


def test_what_lacks_is_named_accepted_and_told_again_when_more_lacks(shop: Shop) -> None:
    engine, till_id = shop.engine, shop.till.id
    say(engine, till_id, [line(1), line(2)])
    assert told(engine) == [(1, 2 * VALUE)]
    answer(engine, till_id, [line(1), line(2)])
    assert [what for what, _ in named(engine)] == ["not_here"] * 2
    assert accept_day(engine, "caixa1", DAY, SYSTEM, "furto do caixa", LATER) == 2
    assert told(engine) == []
    say(engine, till_id, [line(1), line(2), line(3)], turn=2)
    assert told(engine) == [(1, 3 * VALUE)]


def test_days_are_judged_and_named_on_postgresql_too(spool_engine: Engine) -> None:
    till, _ = create_till(spool_engine, "caixa1")
    say(spool_engine, till.id, [line(1)])
    assert told(spool_engine) == [(1, VALUE)]
    answer(spool_engine, till.id, [line(1)])
    assert named(spool_engine) == [("not_here", sale(1).access_key)]
    assert accept_day(spool_engine, "caixa1", DAY, SYSTEM, "furto do caixa", LATER) == 1
    assert audit.entries(spool_engine, limit=1)[0].action == "day_accepted"
    assert told(spool_engine) == []
