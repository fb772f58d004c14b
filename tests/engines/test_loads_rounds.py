"""The loads' own thread: what is looked at when, what is compared at its time, what is planned."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select

from malote.accounts.audit import Actor
from malote.config import LoadsSettings, Settings
from malote.database.engine import open_database, reading
from malote.database.migrations import migrate
from malote.database.order_tables import till_order
from malote.loads import entity_rows
from malote.loads.load_service import Loads
from malote.loads.planning import Wanted
from malote.loads.rounds import LoadRounds
from malote.loads.versions import LoadError
from malote.quiet_hours import is_quiet
from malote.tills.till import create_till
from tests.engines.loads_support import Erp
from tests.engines.spool_support import Clock
from tests.faces.loads_fixtures import SOURCES

SIX = datetime(2026, 11, 28, 6, tzinfo=UTC).timestamp()


class Round:
    def __init__(self, folder: Path) -> None:
        (folder / "cargas.toml").write_text(SOURCES, encoding="utf-8")
        self.erp, self.clock = Erp(folder / "erp.sqlite3"), Clock()
        self.clock.now = SIX
        loads = LoadsSettings(
            sources="cargas.toml", parameters={"loja": 3}, look_seconds=2.0, compare="30 6 * * *", least_rows=5
        )
        settings = Settings(home=str(folder), loads=loads)
        settings = msgspec.structs.replace(
            settings,
            books=msgspec.structs.replace(settings.books, zone="UTC"),
            erp=msgspec.structs.replace(settings.erp, url=self.erp.url),
        )
        self.engine = open_database(f"sqlite:///{folder / 'store.sqlite3'}")
        migrate(self.engine)
        self.loads = Loads(self.engine, settings, self.clock)
        self.rounds = LoadRounds(self.engine, loads, self.loads, self.clock)

    def step(self, later: float) -> int:
        """The newest version after it."""
        self.clock.now += later
        self.rounds.step()
        return self.loads.status().version


@pytest.fixture
def round_(tmp_path: Path) -> Iterator[Round]:
    made = Round(tmp_path)
    yield made
    made.erp.connection.close()
    made.engine.dispose()


def test_what_changed_is_looked_for_and_all_is_compared_at_its_time(round_: Round) -> None:
    assert round_.step(0) == 1, "what was never loaded is loaded at once"
    round_.erp.set_price(7, "70")
    assert (round_.step(1), round_.step(1)) == (1, 2)
    round_.erp.do("DELETE FROM embalagem WHERE cod = 4")
    assert round_.step(60) == 2, "nothing says that it is gone"
    assert round_.step(29 * 60) == 3, "half past six"
    round_.erp.do("DELETE FROM embalagem WHERE cod = 5")
    assert (round_.step(3600), round_.step(3600)) == (3, 3), "once a day"
    round_.clock.now = SIX + 86_400
    assert round_.step(31 * 60) == 4


def test_what_waits_for_a_person_is_not_read_all_the_time(round_: Round) -> None:
    round_.step(0)
    round_.erp.do("UPDATE preco SET preco = 1, alterado = 10 WHERE loja = 3")
    round_.step(2)
    (held,) = [one for one in round_.loads.status().entities if one.code]
    assert (held.code, held.entity, held.looked_at) == ("load_changed_many", "price", SIX)
    with reading(round_.engine) as connection:
        assert entity_rows.waiting(connection, round_.clock.now - 600) == {"price"}
    round_.step(2)
    (again,) = [one for one in round_.loads.status().entities if one.code]
    assert again.since == held.since
    round_.loads.confirm("price", Actor("ana"))
    assert round_.step(2) == 2


def test_a_plan_is_done_once_at_its_time(round_: Round) -> None:
    create_till(round_.engine, "caixa1")
    round_.step(0)
    number = round_.loads.plan("15 6 * * *", Wanted(anew=True), Actor("ana"))
    assert round_.loads.plans()[0].next_at == SIX + 900
    assert round_.loads.compare_at() == SIX + 1800
    for later in (600, 301, 60, 60):
        round_.step(later)
    with reading(round_.engine) as connection:
        placed = connection.execute(select(till_order.c.kind, till_order.c.asked_at)).all()
    assert [tuple(one) for one in placed] == [("load", SIX + 901)]
    round_.loads.unplan(number, Actor("ana"))
    with pytest.raises(LoadError, match="load_plan_unknown"):
        round_.loads.unplan(number, Actor("ana"))


@pytest.mark.parametrize(
    ("hours", "now", "quiet"),
    [
        ("", "12:00", False),
        ("11:00-14:00", "11:00", True),
        ("11:00-14:00", "14:00", False),
        ("22:00-06:00", "21:59", False),
        ("22:00-06:00", "22:00", True),
        ("22:00-06:00", "23:59", True),
        ("22:00-06:00", "05:59", True),
        ("22:00-06:00", "06:00", False),
    ],
)
def test_hours_are_quiet_past_midnight_too(hours: str, now: str, quiet: bool) -> None:
    assert is_quiet(hours, now) is quiet
