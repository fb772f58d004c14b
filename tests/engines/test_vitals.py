"""What is wrong with the server itself, and a store database that is damaged while it works."""

import os
import shutil
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Engine, text

from malote.database import soundness
from malote.database.engine import open_database, reading, writing
from malote.database.errors import StoreError
from malote.database.migrations import migrate
from malote.spool import presence
from malote.spool.presence import PosterPresence
from malote.spool.sql_queue import Spool
from malote.tills import till as tills
from malote.tills.till import Till
from malote.vitals import ClockWatch, Vitals
from tests.engines.spool_support import send_sales, waiting
from tests.unit.till_support import Clock

pytest_plugins = ("tests.engines.spool_fixtures",)


class Usage(NamedTuple):
    free: int


def troubles(engine: Engine, home: Path, clock: ClockWatch | None = None) -> list[str]:
    return Vitals(engine, home, clock).troubles()


def test_a_poster_that_gives_signs_is_well_and_one_that_says_goodbye_is_no_trouble(
    spool_engine: Engine, tmp_path: Path
) -> None:
    one = PosterPresence(spool_engine, owner="malote-1")
    one.renew()
    assert troubles(spool_engine, tmp_path) == []
    one.close()
    assert presence.signs(spool_engine) == []
    assert troubles(spool_engine, tmp_path) == []


def test_a_poster_that_dies_without_a_word_is_told_unless_another_lives(spool_engine: Engine, tmp_path: Path) -> None:
    PosterPresence(spool_engine, lambda: time.time() - 300, owner="malote-dead").renew()
    assert troubles(spool_engine, tmp_path) == ["poster_absent"]
    PosterPresence(spool_engine, owner="malote-2").renew()
    assert troubles(spool_engine, tmp_path) == []


def test_an_erp_that_is_away_is_told_while_no_poster_books(spool_engine: Engine, tmp_path: Path) -> None:
    one, other = (PosterPresence(spool_engine, owner=name) for name in ("malote-1", "malote-2"))
    one.renew("erp_away")
    assert troubles(spool_engine, tmp_path) == ["erp_away"]
    other.renew()
    assert troubles(spool_engine, tmp_path) == [], "the other books"
    other.renew("erp_locked")
    assert troubles(spool_engine, tmp_path) == ["erp_away"], "a lock is no ERP that is away"
    one.renew()
    assert troubles(spool_engine, tmp_path) == []


def test_a_trouble_lasts_while_the_next_try_runs_in_the_erp(spool_engine: Engine, tmp_path: Path) -> None:
    """A procedure that hangs takes the whole patience at each try, and its session begins well each time."""
    one = PosterPresence(spool_engine, owner="malote-1")
    one.renew("erp_slow", {"detail": "57014"})
    one.at("4711", "2026-11-28 08:00:00")
    assert troubles(spool_engine, tmp_path) == ["erp_slow"]
    one.renew()
    assert troubles(spool_engine, tmp_path) == []


def test_an_erp_that_refuses_all_is_told_while_the_poster_rests_between_two_tries(
    spool_engine: Engine, spool: Spool, till_one: Till, tmp_path: Path
) -> None:
    """A poster that has nothing due gives a sign without a trouble: what waits at the ERP tells all the same."""
    PosterPresence(spool_engine, owner="malote-1").renew()
    send_sales(spool, till_one, [1])
    spool.settle([waiting(one, time.time() + 5, "erp_refuses_all") for one in spool.lease("a", 10, 60)])
    assert troubles(spool_engine, tmp_path) == ["erp_refuses_all"]


def test_a_sign_from_a_clock_that_was_put_back_is_none(spool_engine: Engine) -> None:
    clock = Clock(1_000_000.0)
    one = PosterPresence(spool_engine, clock, owner="malote-1")
    clock.pass_by(3 * 3600)
    one.at("77", "then")
    clock.pass_by(-3 * 3600)
    (sign,) = presence.signs(spool_engine)
    assert not sign.is_alive(clock())
    assert presence.present(spool_engine, clock()) == frozenset()
    one.renew()
    assert presence.present(spool_engine, clock()) == {("77", "then")}


def test_a_full_disk_is_told_before_anything_fails(
    spool_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1_000_000))
    assert troubles(spool_engine, tmp_path) == ["disk_full"]


def test_a_clock_that_jumps_is_told_for_a_while(spool_engine: Engine, tmp_path: Path) -> None:
    wall, monotonic = Clock(1_000_000.0), Clock(50.0)
    watch = ClockWatch(wall, monotonic)
    for seconds in (30.0, 3600.0):
        wall.pass_by(seconds)
        monotonic.pass_by(seconds)
        assert troubles(spool_engine, tmp_path, watch) == [], "time that went by"
    wall.pass_by(3 * 3600)
    assert troubles(spool_engine, tmp_path, watch) == ["clock_jumped"]
    monotonic.pass_by(1000)
    wall.pass_by(1000)
    assert troubles(spool_engine, tmp_path, watch) == []


# ---- damage ----


@pytest.fixture
def store(tmp_path: Path) -> Any:
    engine = open_database(f"sqlite:///{tmp_path / 'store.sqlite3'}")
    migrate(engine)
    for number in range(200):
        tills.create_till(engine, f"caixa{number}")
    with writing(engine) as connection:  # so that there are many pages
        connection.execute(text("UPDATE till SET label = :label"), {"label": "x" * 500})
    yield engine
    engine.dispose()


def spoil(engine: Engine) -> None:
    """Garbage over all pages but the first, as a failing disk leaves them."""
    path = Path(str(engine.url.database))
    engine.dispose()  # what is in memory would hide it
    with path.open("r+b") as file:
        size = path.stat().st_size
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))


def test_a_store_found_damaged_while_it_works_is_not_used_again(store: Engine, tmp_path: Path) -> None:
    spoil(store)
    with pytest.raises(StoreError) as raised, reading(store) as connection:
        connection.execute(text("SELECT count(*), max(label) FROM till")).all()
    assert (raised.value.code, raised.value.transient) == ("store_damaged", False)
    with pytest.raises(StoreError) as again, writing(store):
        pytest.fail("no transaction begins any more")
    assert again.value.code == "store_damaged"
    assert troubles(store, tmp_path) == ["store_damaged"]


def test_the_look_through_finds_damage_that_nobody_met(store: Engine, tmp_path: Path) -> None:
    assert soundness.look_through(store)
    assert troubles(store, tmp_path) == []
    spoil(store)
    assert not soundness.look_through(store)
    assert troubles(store, tmp_path) == ["store_damaged"]


@pytest.mark.skipif(os.name == "nt", reason="an open file can't be removed there")
@pytest.mark.parametrize("replaced", [False, True])
def test_a_store_whose_file_was_taken_away_acknowledges_nothing_more(
    store: Engine, tmp_path: Path, *, replaced: bool
) -> None:
    """What is written into it goes on for a while, and is gone as soon as the process ends."""
    assert troubles(store, tmp_path) == []
    path = Path(str(store.url.database))
    path.rename(path.with_name("aside"))
    if replaced:
        path.write_bytes(path.with_name("aside").read_bytes())
    with pytest.raises(StoreError) as raised, writing(store):
        pytest.fail("nothing is written any more")
    assert raised.value.code == "store_damaged"
    assert troubles(store, tmp_path) == ["store_damaged"]
