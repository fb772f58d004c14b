"""What the server does for its books by itself: days that lack sales are told, and ended days closed every night."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, select, update

from malote.accounts import audit
from malote.accounts.audit import command_line
from malote.books import closing_marks
from malote.books.closing_marks import ChainKeyError
from malote.books.nightly import Keeper
from malote.books.note_findings import look
from malote.books.store_days import by_store_clock
from malote.business_day import BusinessCalendar
from malote.database.book_tables import chained_day, lacking_day
from malote.database.engine import reading
from malote.database.tables import till
from malote.findings import lights, store_findings
from malote.findings.kinds import USUAL_SECONDS
from malote.tills.contact import record_contact
from malote.tills.till import create_till
from malote.trust.signing_key import SigningKey
from malote.wire import Contact, TillDay
from tests.engines.posting_support import Shop, open_shop
from tests.engines.sales import OPENING, sale

pytest_plugins = ["tests.engines.spool_fixtures"]

DAY = OPENING.date()
VALUE = sale(1).totals.total
KEY = SigningKey(bytes(range(32)))


def at(days: int, minutes: float = 0.0) -> float:
    """Minutes after the midnight, by the store's clock, that begins the day so many days after ``DAY``."""
    midnight = datetime.combine(DAY + timedelta(days=days), time(), OPENING.tzinfo)
    return midnight.timestamp() + 60 * minutes


def say(engine: Engine, till_id: int, count: int, now: float, turn: int = 1, pending: int = 0) -> None:
    lines = sorted(f"{sale(number).access_key} booked {VALUE}\n" for number in range(1, count + 1))
    sha256 = hashlib.sha256("".join(lines).encode()).hexdigest()
    days = [TillDay(DAY.isoformat(), count, count * VALUE, sha256, turn)]
    contact = Contact("1", datetime.fromtimestamp(now, UTC), pending=pending, unproven=0, days=days)
    record_contact(engine, till_id, contact, received_at=now)


def told(engine: Engine, now: float) -> list[tuple[str, int, int]]:
    look(engine, BusinessCalendar(here=OPENING.tzinfo), now)
    overview = lights.till_overview(engine, "caixa1", now=now)
    assert overview is not None
    return [(one.name, one.count, one.value) for one in overview.findings if one.name == "days"]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path, f"sqlite:///{tmp_path / 'erp.sqlite3'}") as opened:
        with closing(opened.erp()) as erp:
            erp.create_structure()
        yield opened


def test_a_day_that_is_over_and_lacks_sales_is_told_until_they_come(shop: Shop) -> None:
    shop.accept(sale(1), sale(2))
    say(shop.engine, shop.till.id, 4, at(0, 720), pending=2)
    assert told(shop.engine, at(0, 1430)) == [], "the day isn't over"
    assert told(shop.engine, at(1, 1)) == [], "what was sold at midnight may be on its way"
    assert told(shop.engine, at(1, 6)) == [("days", 1, 2 * VALUE)]
    shop.accept(sale(3))
    assert told(shop.engine, at(1, 7)) == [("days", 1, VALUE)]
    say(shop.engine, shop.till.id, 5, at(1, 8), turn=2)
    assert told(shop.engine, at(1, 9)) == [("days", 1, 2 * VALUE)], "it lacks something all the time"
    shop.accept(sale(4), sale(5))
    assert told(shop.engine, at(1, 10)) == []


def test_a_till_that_sent_all_and_counts_more_than_is_here_is_told_before_the_day_is_over(shop: Shop) -> None:
    """As after the server's own database was put back to before: the till was shown the proof of all of them."""
    shop.accept(sale(1))
    say(shop.engine, shop.till.id, 3, at(0, 720), pending=2)
    assert told(shop.engine, at(0, 724)) == []
    say(shop.engine, shop.till.id, 3, at(0, 726))
    assert told(shop.engine, at(0, 726.5)) == [("days", 1, 2 * VALUE)]
    assert told(shop.engine, at(0, 735)) == [], "its last word is too old"
    say(shop.engine, shop.till.id, 3, at(0, 736))
    shop.accept(sale(2), sale(3))
    assert told(shop.engine, at(0, 737)) == []


def test_sales_of_an_old_day_that_come_at_once_are_never_told(shop: Shop) -> None:
    now = at(30, 720)
    say(shop.engine, shop.till.id, 1, now)
    assert told(shop.engine, now + 1) == []
    shop.accept(sale(1))
    assert told(shop.engine, now + 2 * USUAL_SECONDS) == []


def test_nothing_of_a_day_came_on_both_kinds_of_store_database(spool_engine: Engine) -> None:
    till, _ = create_till(spool_engine, "caixa1")
    say(spool_engine, till.id, 3, at(0, 720))
    assert told(spool_engine, at(1, 6)) == [("days", 1, 3 * VALUE)]
    say(spool_engine, till.id, 2, at(1, 7), turn=2)
    assert told(spool_engine, at(1, 8)) == [("days", 1, 2 * VALUE)]
    with reading(spool_engine) as connection:
        assert connection.execute(select(lacking_day.c.since)).scalars().all() == [at(0, 720)]
    say(spool_engine, till.id, 0, at(1, 9), turn=3)
    assert told(spool_engine, at(1, 10)) == []


def test_the_server_closes_what_is_over_once_a_day_also_after_days_off(shop: Shop) -> None:
    now = [at(0, 720)]
    opened: list[int] = []

    def key() -> SigningKey:
        opened.append(1)
        return KEY

    def keeper() -> Keeper:
        return Keeper(shop.engine, BusinessCalendar(here=OPENING.tzinfo), key, lambda: now[0])

    shop.accept(sale(1), sale(2))
    book(shop)
    one = keeper()
    assert one.step() == 0, "the day isn't over"
    now[0] = at(1, 1)
    assert (one.step(), len(opened)) == (0, 1), "some minutes after midnight, not at once"
    now[0] = at(5, 10)
    assert [one.step(), one.step(), keeper().step()] == [1, 0, 0]
    now[0] = at(6, 10)
    shop.accept(sale(3))
    book(shop)
    assert [one.step(), one.step()] == [1, 0], "late for a closed day: a supplement"
    assert turns(shop) == [(1, DAY.isoformat()), (2, DAY.isoformat())]


def test_a_server_that_stops_waits_for_no_night(shop: Shop) -> None:
    shop.accept(sale(1))
    book(shop)
    stop = threading.Event()
    stop.set()
    Keeper(shop.engine, BusinessCalendar(here=OPENING.tzinfo), lambda: KEY, lambda: at(5, 10)).run(stop)
    assert turns(shop) == []
    keeper = Keeper(shop.engine, BusinessCalendar(here=OPENING.tzinfo), lambda: KEY, lambda: at(5, 10))
    assert keeper.step() == 1, "what was left is closed when it starts again"


def test_a_night_costs_what_changed(shop: Shop) -> None:
    shop.accept(sale(1))
    book(shop)
    Keeper(shop.engine, BusinessCalendar(here=OPENING.tzinfo), lambda: KEY, lambda: at(5, 10)).step()
    asked: list[str] = []

    def hear(connection: object, cursor: object, statement: str, *rest: object) -> None:
        asked.append(statement)

    event.listen(shop.engine, "before_cursor_execute", hear)
    Keeper(shop.engine, BusinessCalendar(here=OPENING.tzinfo), lambda: KEY, lambda: at(6, 10)).step()
    assert asked
    assert not [one for one in asked if "chained_day" in one]


def chain_told(shop: Shop, now: float) -> list[tuple[str, int, int, str]]:
    found = store_findings.store_findings_of(shop.engine, now)
    return [(one.code, one.count, one.value, one.facts["detail_en"]) for one in found]


def test_a_chain_that_nobody_writes_any_more_is_told_whoever_is_dead(shop: Shop) -> None:
    shop.accept(sale(1), sale(2))
    book(shop)
    keeper = Keeper(shop.engine, BusinessCalendar(here=OPENING.tzinfo), lambda: KEY, lambda: at(0, 720))
    keeper.step()
    assert chain_told(shop, at(1, 14)) == [], "it may be closed at any moment"
    assert chain_told(shop, at(1, 16)) == [("chain_behind", 1, 2 * VALUE, "–")]
    Keeper(shop.engine, BusinessCalendar(here=OPENING.tzinfo), lambda: KEY, lambda: at(1, 17)).step()
    assert chain_told(shop, at(1, 18)) == []


def test_what_keeps_days_from_being_closed_is_told_and_holds_back_no_look(shop: Shop) -> None:
    def gone() -> SigningKey:
        raise OSError(22, "no signing key in it")

    shop.accept(sale(1))
    book(shop)
    say(shop.engine, shop.till.id, 3, at(0, 720))
    with pytest.raises(OSError, match="no signing key"):
        Keeper(shop.engine, BusinessCalendar(here=OPENING.tzinfo), gone, lambda: at(1, 10)).step()
    assert chain_told(shop, at(1, 10)) == [], "the next try may do it"
    [(code, count, value, detail)] = chain_told(shop, at(1, 16))
    assert (code, count, value) == ("chain_behind", 1, VALUE)
    assert "no signing key in it" in detail
    assert told(shop.engine, at(1, 16)) == [("days", 1, 2 * VALUE)]
    Keeper(shop.engine, BusinessCalendar(here=OPENING.tzinfo), lambda: KEY, lambda: at(1, 17)).step()
    assert chain_told(shop, at(1, 18)) == []


def test_another_key_goes_on_with_no_chain_until_a_person_says_so(shop: Shop) -> None:
    shop.accept(sale(1))
    book(shop)
    Keeper(shop.engine, BusinessCalendar(here=OPENING.tzinfo), lambda: KEY, lambda: at(1, 10)).step()
    shop.accept(sale(2))
    book(shop)
    other = Keeper(shop.engine, BusinessCalendar(here=OPENING.tzinfo), lambda: SigningKey(bytes(32)), lambda: at(2, 10))
    with pytest.raises(ChainKeyError):
        other.step()
    assert turns(shop) == [(1, DAY.isoformat())]
    assert chain_told(shop, at(2, 16)) == [("chain_behind", 1, 2 * VALUE, "Another key signed the chain")]
    public = SigningKey(bytes(32)).public
    assert [closing_marks.take_key(shop.engine, public, command_line(), "lost", 1.0) for _ in range(2)] == [True, False]
    [entry] = audit.entries(shop.engine, action="chain_key_taken")
    assert (entry.reason, entry.after) == ("lost", {"signs": public[:16]})
    assert other.step() == 1
    assert chain_told(shop, at(2, 20)) == []


def book(shop: Shop) -> None:
    with closing(shop.poster()) as poster:
        poster.drain()


def turns(shop: Shop) -> list[tuple[int, str]]:
    query = select(chained_day.c.turn, chained_day.c.day).order_by(chained_day.c.turn)
    with reading(shop.engine) as connection:
        return [(row.turn, row.day) for row in connection.execute(query)]


def test_it_is_today_by_the_clock_that_most_tills_print(shop: Shop) -> None:
    """And not by this machine's, which may stand in UTC."""
    evening = datetime(2026, 11, 28, 1, 30, tzinfo=UTC).timestamp()
    with shop.engine.begin() as connection:
        connection.execute(update(till).values(last_issued_at="2026-11-27T22:00:00-03:00"))
    assert by_store_clock(shop.engine, BusinessCalendar()).at(evening).isoformat() == "2026-11-27"
    assert by_store_clock(shop.engine, BusinessCalendar(zone=UTC)).at(evening).isoformat() == "2026-11-28"
