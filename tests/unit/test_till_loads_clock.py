"""A till whose clock is hours off sells at the prices of the server's time, in the views, in files, and when asked."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from malote.config.sections import LoadFileSettings, TillLoadsSettings
from malote.disk import DISK
from malote.load_format.entity import Entity, EntityColumn
from malote.till.loads import loads_report, server_time
from malote.till.loads.carrying_over import carry_over
from malote.till.loads.output_files import OutputFiles
from malote.till.loads.server_time import ServerTime
from tests.loads_support import PRICE, LoadedTill, price
from tests.unit.faulty_disk import FaultyDisk, PowerCut, sqlite_error

HOUR = 3600
NOW = "SELECT price FROM price_now"


def _at(seconds: float) -> str:
    return datetime.fromtimestamp(time.time() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def till(tmp_path: Path) -> Iterator[LoadedTill]:
    """``2.00`` is valid in two hours by the till's clock."""
    made = LoadedTill(tmp_path)
    with made.outbox:
        made.depot.stage((PRICE, [price("1", "1.00"), price("1", "2.00", _at(2 * HOUR))]))
        made.obey(made.depot.order_of(1))
        yield made


def _hear(till: LoadedTill, skew: float) -> None:
    server_time.hear(till.path, skew, time.time())


def test_dated_prices_are_valid_by_the_servers_time(till: LoadedTill) -> None:
    assert till.select(NOW) == [("1.00",)]
    _hear(till, -3.3 * HOUR)  # the till is behind: in the store it is past that minute
    assert till.select(NOW) == [("2.00",)]
    assert loads_report.status(till.outbox.path).clock_skew_seconds == -11880
    for at, is_now, amount in ((time.time(), True, "2.00"), (time.time() - 2 * HOUR, False, "1.00")):
        (row,) = loads_report.price(till.outbox.path, "1", at, is_now=is_now).rows
        assert row["price"] == amount
    _hear(till, 5 * HOUR)
    assert till.select(NOW) == [("1.00",)]
    _hear(till, 0.2)
    assert till.select(NOW) == [("1.00",)], "somebody put it right"


def test_files_follow_in_the_same_minute_and_go_on_with_it_without_contact(till: LoadedTill) -> None:
    folder = till.outbox.path.parent / "cargas"
    asked = LoadFileSettings("price", "p.csv", columns=["price"])
    files = OutputFiles(till.outbox.path, TillLoadsSettings(str(folder), [asked]), DISK)
    clock = time.time()
    assert files.write_due(clock) == ["p.csv"]
    _hear(till, -1.9 * HOUR)
    assert files.write_due(clock) == [], "not its minute yet"
    assert files.write_due(clock + 0.2 * HOUR) == ["p.csv"]
    assert (folder / "p.csv").read_text() == "price\n2.00\n"
    _hear(till, 0)
    assert files.write_due(clock) == ["p.csv"]
    assert (folder / "p.csv").read_text() == "price\n1.00\n"


STEPS: list[tuple[list[float], int]] = [
    ([59, -59, 30], 0),  # no going to and fro
    ([7200, 7190, 7250], 7200),
    ([7200, 7290], 7290),
    ([70, 12], 70),
    ([7200, 3], 3),
    ([float("nan")], 0),
    ([1e18], 0),
]


@pytest.mark.parametrize(("heard", "skew"), STEPS)
def test_a_skew_is_followed_where_it_is_more_than_a_minute_off(heard: list[float], skew: int) -> None:
    known = ServerTime()
    for one in heard:
        known = known.heard(one, 1_800_000_000)
    assert known.skew == skew


def test_a_clock_that_stands_in_the_past_is_at_least_what_the_servers_was() -> None:
    """A battery that is empty, and no contact: at the year 2000 no price would be valid."""
    known = ServerTime().heard(2.0, 1_800_000_000)
    assert known.now(946_684_800) == known.not_before == 1_799_999_998
    assert known.now(1_800_000_100) == 1_800_000_100
    assert known.heard(2.0, 1_800_000_500) is known, "not a transaction each contact"
    assert known.heard(2.0, 1_800_004_000).not_before == 1_800_003_998
    # A server whose clock was ahead, and was put right.
    assert known.heard(2.0, 1_790_000_000).not_before == 1_789_999_998


def test_in_the_views_too(till: LoadedTill) -> None:
    server_time.hear(till.path, 0.0, time.time() + 3 * HOUR)
    assert till.select(NOW) == [("2.00",)]


def test_days_go_by_the_hour_that_a_till_shows_under_the_wrong_zone(till: LoadedTill) -> None:
    days = [datetime.fromtimestamp(time.time() + day * 24 * HOUR, UTC).date().isoformat() for day in range(-4, 5)]
    offer = Entity("offer", ("valid_until",), (EntityColumn("valid_until", "date"),))
    till.depot.stage((offer, [(day,) for day in days]))
    till.obey(till.depot.order_of(2))
    # All of a statement is of one moment, at midnight too.
    shown = "SELECT julianday(MIN(valid_until)) - julianday(date('now', 'localtime')) FROM offer_now"
    for skew, first in ((-12 * HOUR, 0), (11 * HOUR + 30, 0), (-24 * HOUR, 1), (48 * HOUR, -2)):
        _hear(till, skew)
        assert till.select(shown) == [(first,)]


def _made_by_an_older_agent(till: LoadedTill) -> None:
    with closing(sqlite3.connect(till.path)) as connection:
        connection.executescript(
            "DROP VIEW price_now; DROP VIEW IF EXISTS _now; DROP TABLE IF EXISTS _clock;"
            "CREATE VIEW price_now AS SELECT a.product, a.valid_from, a.valid_until, a.price FROM _rows_1 AS a"
            " WHERE valid_from <= strftime('%Y-%m-%dT%H:%M:%SZ',"
            " 'now') AND valid_from IN (SELECT MAX(valid_from) FROM _rows_1 WHERE valid_from <="
            " strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))"
        )


def test_a_file_of_an_older_agent_is_brought_up_by_the_first_contact(till: LoadedTill) -> None:
    _made_by_an_older_agent(till)
    assert loads_report.price(till.outbox.path, "1", time.time(), is_now=True).rows[0]["price"] == "1.00"
    _hear(till, 0.1)
    assert "_now" in till.select("SELECT sql FROM sqlite_master WHERE name = 'price_now'")[0][0]
    _hear(till, -3 * HOUR)
    assert till.select(NOW) == [("2.00",)]
    # The older one again: it reads the file, and remakes views in its own way.
    assert till.select("PRAGMA user_version") == [(1,)]
    with closing(sqlite3.connect(till.path)) as connection:
        connection.executescript("DROP VIEW price_now; CREATE VIEW price_now AS SELECT price FROM _rows_1 WHERE 0")
    _hear(till, -3 * HOUR)
    assert till.select(NOW) == [("2.00",)]


def test_what_cannot_be_written_now_is_heard_at_the_next_contact(till: LoadedTill) -> None:
    disk = FaultyDisk(lambda what, _name: sqlite_error(sqlite3.SQLITE_FULL) if what == "UPDATE" else None)
    server_time.hear(till.path, -3 * HOUR, time.time(), disk)
    with closing(sqlite3.connect(till.path, isolation_level=None)) as pos:
        pos.execute("BEGIN IMMEDIATE")
        _hear(till, -3 * HOUR)
        pos.execute("ROLLBACK")
    assert till.select(NOW) == [("1.00",)]
    _hear(till, -3 * HOUR)
    assert till.select(NOW) == [("2.00",)]


def test_power_that_goes_while_it_is_written_leaves_views_that_a_pos_can_read(till: LoadedTill) -> None:
    for step in range(100):
        _made_by_an_older_agent(till)
        disk = FaultyDisk().off_at(step)
        try:
            server_time.hear(till.path, -3 * HOUR, time.time(), disk)
        except PowerCut:
            assert till.select(NOW) == [("1.00",)]
        else:
            assert till.select(NOW) == [("2.00",)]
            assert step > 5
            return


def test_a_till_without_a_load_gets_its_first_one_by_the_right_time(tmp_path: Path) -> None:
    made = LoadedTill(tmp_path)
    with made.outbox:
        server_time.hear(made.path, 1.0, time.time())
        assert not made.path.exists()
        server_time.hear(made.path, -3 * HOUR, time.time())
        made.depot.stage((PRICE, [price("1", "1.00"), price("1", "2.00", _at(2 * HOUR))]))
        made.obey(made.depot.order_of(1))
        assert made.select(NOW) == [("2.00",)]


def test_a_damaged_file_that_is_made_anew_keeps_the_time(till: LoadedTill) -> None:
    _hear(till, -3 * HOUR)
    aside = till.path.rename(till.path.with_name("aside"))
    carry_over(aside, till.path)
    assert till.select(NOW) == [("2.00",)]
