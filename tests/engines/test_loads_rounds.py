"""The loads' own thread: what is looked at when, what is compared at its time, what is planned."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from sqlalchemy import select, update

from malote.accounts.audit import SYSTEM, Actor
from malote.config import LoadsSettings, Settings
from malote.database.engine import open_database, reading, writing
from malote.database.load_tables import load_plan
from malote.database.migrations import migrate
from malote.database.order_tables import till_order
from malote.erp.protocol import ErpError
from malote.findings.load_findings import load_findings
from malote.loads import entity_rows
from malote.loads.load_service import Loads
from malote.loads.planning import Wanted
from malote.loads.rounds import LoadRounds
from malote.loads.staging import StagingReport
from malote.loads.versions import LoadError
from malote.quiet_hours import is_quiet
from malote.tills.till import create_till
from tests.engines.loads_support import Erp
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.spool_support import Clock
from tests.faces.loads_fixtures import SOURCES

SIX = datetime(2026, 11, 28, 6, tzinfo=UTC).timestamp()


class Round:
    def __init__(self, folder: Path) -> None:
        self.sources = folder / "cargas.toml"
        self.sources.write_text(SOURCES, encoding="utf-8")
        self.erp, self.clock = Erp(folder / "erp.sqlite3"), Clock()
        self.clock.now = SIX
        loads = LoadsSettings(
            sources="cargas.toml", parameters={"loja": 3}, look_seconds=2.0, compare="30 6 * * *", least_rows=5
        )
        settings = Settings(home=str(folder), loads=loads)
        self.settings = msgspec.structs.replace(settings, books=msgspec.structs.replace(settings.books, zone="UTC"))
        self.engine = open_database(f"sqlite:///{folder / 'store.sqlite3'}")
        migrate(self.engine)
        self.begin(self.erp.url)

    def begin(self, url: str) -> None:
        """As after a start, with this ERP."""
        settings = msgspec.structs.replace(self.settings, erp=msgspec.structs.replace(self.settings.erp, url=url))
        self.loads = Loads(self.engine, settings, self.clock)
        self.rounds = LoadRounds(self.engine, settings.loads, self.loads, self.clock)

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


def orders_at(round_: Round) -> list[float]:
    with reading(round_.engine) as connection:
        return list(connection.scalars(select(till_order.c.asked_at).order_by(till_order.c.number)))


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


def test_a_look_that_takes_long_is_followed_by_a_long_rest(round_: Round, monkeypatch: pytest.MonkeyPatch) -> None:
    round_.step(0)
    looks, staged = list[float](), round_.loads.staging.run
    takes = [1.0]

    def slow(*words: Any, **others: Any) -> StagingReport:
        looks.append(round_.clock.now)
        round_.clock.now += takes[0]
        return staged(*words, **others)

    def looked(steps: int) -> int:
        looks.clear()
        for _ in range(steps):
            round_.step(2)
        return len(looks)

    monkeypatch.setattr(round_.loads.staging, "run", slow)
    assert looked(1) == 1
    assert looked(1) == 1, "one alone says nothing: it had much to load, or met a busy moment"
    assert looked(10) == 2, "each ten seconds: ten times as long as it takes"
    takes[0] = 0.4
    assert looked(11) >= 7, "and as before once it is quick again"


def test_a_look_that_finds_nothing_is_noted_twice_a_minute(round_: Round) -> None:
    round_.step(0)
    found = []
    for later in (2, 26, 2, 2, 2):
        round_.step(later)
        (price,) = [one for one in round_.loads.status().entities if one.entity == "price"]
        found.append((price.looked_at or 0) - SIX)
    assert found == [0, 0, 30, 30, 30]


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


def test_what_waits_is_judged_again_at_the_next_look_that_finds_a_change_of_it(
    round_: Round, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_.step(0)
    read, staged = list[str](), round_.loads.staging.run

    def noted(*words: Any, **others: Any) -> StagingReport:
        read.extend(others["names"] or ())
        return staged(*words, **others)

    monkeypatch.setattr(round_.loads.staging, "run", noted)
    round_.erp.do("UPDATE preco SET preco = 1, alterado = 10 WHERE loja = 3")
    for _ in range(6):
        round_.step(2)
    assert read == ["price", "price"], "held, and once more; nothing of it changed since"
    round_.erp.do("UPDATE preco SET preco = CASE cod WHEN 7 THEN 12 ELSE 10 END, alterado = 20 WHERE loja = 3")
    assert round_.step(2) == 2, "set right: the one price that is new goes at once"
    assert [one.code for one in round_.loads.status().entities] == [""] * 4


def seen_now(round_: Round) -> set[str]:
    with reading(round_.engine) as connection:
        return entity_rows.waiting(connection, round_.clock.now)


@pytest.mark.parametrize("change", ["UPDATE preco SET preco = 1 WHERE loja = 3", "DELETE FROM embalagem WHERE cod > 5"])
def test_what_a_person_confirmed_goes_on_at_the_next_look_whatever_it_waited_for(round_: Round, change: str) -> None:
    """Neither has a column of changes; who confirmed may have done no more, since the ERP went away, say."""
    round_.sources.write_text(SOURCES.replace('changed = "alterado"\noverlap = 0\n', ""), encoding="utf-8")
    round_.begin(round_.erp.url)
    round_.step(0)
    round_.erp.do(change)
    round_.loads.staging.run(SYSTEM, whole=True)
    (held,) = [one for one in round_.loads.status().entities if one.code]
    assert (round_.step(2), seen_now(round_)) == (1, set())
    assert (round_.step(600), seen_now(round_)) == (1, {held.entity}), "it may have been set right meanwhile"
    round_.loads.confirm(held.entity, Actor("ana"))
    assert round_.step(2) == 2
    assert [one.code for one in round_.loads.status().entities] == [""] * 4


def test_an_entity_whose_table_was_missing_comes_by_itself_once_it_is_there(round_: Round) -> None:
    round_.erp.do("ALTER TABLE produto RENAME TO antes")
    assert round_.step(0) == 1, "the others"
    with reading(round_.engine) as connection:
        (finding,) = load_findings(connection, round_.clock.now)
    assert (finding.code, finding.facts["entity"]) == ("load_entity_unreadable:product", "product")
    assert (round_.step(2), round_.step(2)) == (1, 1)
    round_.erp.do("ALTER TABLE antes RENAME TO produto")
    assert round_.step(2) == 2
    assert [one.code for one in round_.loads.status().entities] == [""] * 4
    round_.erp.do("ALTER TABLE produto RENAME TO antes")
    round_.loads.staging.run(SYSTEM, whole=True)  # as the comparison of all rows finds it
    assert round_.step(2) == 2
    round_.erp.do("ALTER TABLE antes RENAME TO produto")
    round_.erp.do("UPDATE produto SET descr = 'outra' WHERE cod = 7")
    assert round_.step(2) == 3, "it has no column of changes, and is read all the same"


def test_one_whose_rows_cannot_be_read_is_not_read_at_every_look(
    round_: Round, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads, real = list[bool](), round_.loads.staging.run

    def counted(*words: Any, **others: Any) -> StagingReport:
        reads.append("product" in others["names"])
        return real(*words, **others)

    monkeypatch.setattr(round_.loads.staging, "run", counted)
    of_rows = 'sql = "SELECT cod, json(descr) AS descr FROM produto"'  # which is told once a row is asked for
    round_.sources.write_text(SOURCES.replace('table = "produto"', of_rows), encoding="utf-8")
    for later in (0, 2, 2, 2, 600):
        round_.step(later)
    assert reads == [True, True, False, False, True]


@pytest.mark.postgresql
def test_a_right_that_is_lacking_holds_back_one_entity_until_it_is_granted(round_: Round) -> None:
    url = fresh_postgresql_url()
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute("CREATE ROLE balcao LOGIN")
        owner.execute("CREATE TABLE produto (cod int, descr text); CREATE TABLE embalagem (ean text, cod int)")
        owner.execute("INSERT INTO produto VALUES (1, 'Arroz'); INSERT INTO embalagem VALUES ('789', 1)")
        owner.execute("GRANT SELECT ON embalagem TO balcao")
        sources = (
            SOURCES[: SOURCES.index("[load.price]")]
            + SOURCES[SOURCES.index("[load.package]") : SOURCES.index("[load.operator]")]
        )
        round_.sources.write_text(sources, encoding="utf-8")
        round_.begin(url.replace("postgres:", "balcao:").replace("user=postgres", "user=balcao"))
        assert round_.step(0) == 1, "the other is loaded"
        assert {one.entity: one.code for one in round_.loads.status().entities} == {
            "package": "", "product": "load_entity_unreadable",
        }  # fmt: skip
        assert round_.step(2) == 1
        owner.execute("GRANT SELECT ON produto TO balcao")
        assert round_.step(2) == 2
        owner.execute("DROP OWNED BY balcao; DROP ROLE balcao")
    discard_postgresql(url)


def test_a_plan_is_done_once_at_its_time(round_: Round) -> None:
    create_till(round_.engine, "caixa1")
    round_.step(0)
    number = round_.loads.plan("15 6 * * *", Wanted(anew=True), Actor("ana"))
    assert round_.loads.plans()[0].next_at == SIX + 900
    assert round_.loads.compare_at() == SIX + 1800
    for later in (600, 301, 60, 60):
        round_.step(later)
    assert orders_at(round_) == [SIX + 901]
    round_.loads.unplan(number, Actor("ana"))
    with pytest.raises(LoadError, match="load_plan_unknown"):
        round_.loads.unplan(number, Actor("ana"))


def test_a_plan_whose_erp_is_away_is_done_once_it_is_back(round_: Round) -> None:
    create_till(round_.engine, "caixa1")
    round_.step(0)
    round_.loads.plan("15 6 * * *", Wanted(anew=True), Actor("ana"))
    there = round_.loads.staging.run
    asked: list[float] = []

    def away(actor: Actor, *, names: Sequence[str] | None, whole: bool) -> StagingReport:
        if not whole:
            return there(actor, names=names)
        asked.append(round_.clock.now)
        raise ErpError("erp_unreachable", detail="")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(round_.loads.staging, "run", away)
        with pytest.raises(ErpError):
            round_.step(901)
        round_.step(1)
    assert (asked, orders_at(round_)) == ([SIX + 901], []), "and it isn't asked all the time"
    for later in (301, 300, 60):
        round_.step(later)
    assert orders_at(round_) == [SIX + 1503]


def test_nothing_is_planned_of_what_there_is_none(round_: Round) -> None:
    with pytest.raises(LoadError, match="load_entity_unknown"):
        round_.loads.plan("15 6 * * *", Wanted(entities=["prodcut"]), Actor("ana"))
    assert round_.loads.plans() == []


def test_a_plan_for_what_is_no_more_is_told_once_and_holds_up_no_other(round_: Round) -> None:
    create_till(round_.engine, "caixa1")
    round_.step(0)
    round_.loads.plan("15 6 * * *", Wanted(entities=["product"]), Actor("ana"))
    round_.loads.plan("15 6 * * *", Wanted(), Actor("ana"))
    with writing(round_.engine) as connection:
        connection.execute(update(load_plan).where(load_plan.c.id == 1).values(wanted='{"entities": ["gone"]}'))
    with pytest.raises(LoadError, match="load_entity_unknown"):
        round_.step(901)
    round_.step(601)
    assert orders_at(round_) == [SIX + 1502]
    assert [one.next_at for one in round_.loads.plans()] == [SIX + 900 + 86_400] * 2


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
