"""A till goes back to the load before and is kept there: as the server orders it, or as it was done at the till."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, select, update

from malote import wire
from malote.config import LoadsSettings
from malote.database.account_tables import audit_entry
from malote.database.engine import open_database, reading, writing
from malote.database.errors import StoreError
from malote.database.load_tables import load_version
from malote.database.migrations import migrate
from malote.findings.load_findings import load_findings
from malote.load_format.wire import LoadOrder
from malote.loads import forgetting, load_status, tills_held
from malote.loads.load_reports import TillLoad
from malote.loads.planning import Wanted
from malote.loads.versions import LoadError
from malote.tills.till import Till
from tests.engines.accounts_support import at_once
from tests.engines.loads_chain import WAVES, Chain
from tests.engines.loads_support import ANA, SETTINGS, Erp

pytest_plugins = ("tests.engines.spool_fixtures",)
DAY = 86_400.0


def _chain(engine: Engine, folder: Path, settings: LoadsSettings, tills: int = 2) -> Iterator[Chain]:
    erp = Erp(folder / "erp.sqlite3", 3)
    chain = Chain(engine, erp).begin(settings, tills)
    chain.next_version("11")
    for till in chain.tills:
        while chain.says(till):
            chain.obeys(till)
    yield chain
    erp.connection.close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_database(f"sqlite:///{tmp_path / 'store.sqlite3'}")
    migrate(made)
    yield made
    made.dispose()


@pytest.fixture
def chain(engine: Engine, tmp_path: Path) -> Iterator[Chain]:
    """All of its tills have version 2."""
    yield from _chain(engine, tmp_path, SETTINGS)


def _order(told: wire.Order | None) -> LoadOrder:
    assert told
    assert told.payload
    return msgspec.json.decode(told.payload, type=LoadOrder)


def _standing(chain: Chain, till: Till) -> TillLoad:
    with reading(chain.engine) as connection:
        return load_status.tills(connection, [till], chain.clock(), 600.0)[0]


def _trail(chain: Chain) -> list[str]:
    with reading(chain.engine) as connection:
        found = connection.scalars(select(audit_entry.c.action).order_by(audit_entry.c.id)).all()
    return [one for one in found if one.startswith("load_back")]


def _goes_back_at_the_till(chain: Chain, till: Till) -> None:
    """As ``malote till loads rollback`` does it, from version 2 to 1."""
    with reading(chain.engine) as connection:
        before = chain.back._before(connection, till, 0)[2]
    held = {name: wire.EntityHeld(state.version, state.sha256) for name, state in before.entities.items()}
    chain.held[till.id] = wire.LoadsHeld(1, int(chain.clock()), held, 2)


def test_a_till_goes_back_and_stays_whatever_comes_until_it_is_released(spool_engine: Engine, tmp_path: Path) -> None:
    for chain in _chain(spool_engine, tmp_path, SETTINGS):
        till, other = chain.tills[1], chain.tills[0]
        (dry,) = chain.back.order([till.name], ANA, reason="wrong prices", dry_run=True)
        assert (dry.back_from, dry.version, dry.rows) == (2, 1, {"price": 1})
        assert chain.says(till) is None
        chain.back.order([till.name], ANA, reason="wrong prices")
        assert (_standing(chain, till).state, _standing(chain, till).missing) == ("behind", ["price"])
        chain.server()
        order = _order(chain.says(till))
        assert (order.version, order.back_from, order.entities["price"].version) == (1, 2, 1)
        chain.obeys(till)
        back = _standing(chain, till).back
        assert back
        assert (back.version, back.back_from, back.asked_by, back.reason) == (1, 2, "ana", "wrong prices")
        assert (_standing(chain, till).state, chain.says(till)) == ("back", None)
        chain.next_version("12", emergency=True)
        chain.server()
        assert (chain.says(till), _order(chain.says(other)).version) == (None, 3)
        del chain.held[till.id]  # somebody deleted the till's loads.sqlite3
        assert _order(chain.says(till)) == order
        chain.obeys(till)
        assert [one.back for one in chain.back.release([till.name], ANA, dry_run=True)] == [back]
        assert chain.says(till) is None
        chain.back.release([till.name], ANA)
        order = _order(chain.says(till))
        assert (order.version, order.back_from, order.anew) == (3, 0, False)
        chain.obeys(till)
        assert (_standing(chain, till).state, _standing(chain, till).back) == ("current", None)
        assert _trail(chain) == ["load_back_ordered", "load_back_released"]


def test_one_that_was_done_at_the_till_is_noted_once_and_stays_too(chain: Chain) -> None:
    till = chain.tills[1]
    _goes_back_at_the_till(chain, till)
    chain.next_version("12")
    assert chain.says(till) is None, "the next version has in it what was wrong with the one before"
    back = _standing(chain, till).back
    assert back
    assert (back.version, back.back_from, back.asked_by, back.until) == (1, 2, "", None)
    with reading(chain.engine) as connection:
        (finding,) = load_findings(connection, chain.clock())
    assert (finding.code, finding.count, finding.facts["tills"]) == ("load_kept_back", 1, till.name)
    chain.back.release([till.name], ANA)
    chain.server()  # the till says it once more, and the server remembers nothing of it in memory
    assert _order(chain.says(till)).version == 3
    assert _trail(chain) == ["load_back_reported", "load_back_released"]


def test_what_was_taken_back_comes_again_whole_once_it_is_released(chain: Chain) -> None:
    till = chain.tills[1]
    _goes_back_at_the_till(chain, till)
    assert chain.says(till) is None
    chain.back.release([till.name], ANA)
    order = _order(chain.says(till))
    assert (order.version, order.anew) == (2, True), "the till refuses that version otherwise"


def test_it_ends_by_itself_at_the_time_that_was_said(chain: Chain) -> None:
    till, until = chain.tills[0], chain.clock() + DAY
    with pytest.raises(LoadError, match="load_back_over"):
        chain.back.order([till.name], ANA, until=chain.clock() - 1)
    chain.back.order([till.name], ANA, until=until)
    chain.says(till)
    chain.obeys(till)
    chain.next_version("12")
    chain.clock.now = until - 1
    assert chain.says(till) is None
    chain.clock.now = until + 1
    assert _order(chain.says(till)).version == 3
    chain.obeys(till)
    assert _standing(chain, till).state == "current"
    chain.back.order([till.name], ANA)  # the one that is over makes room for another
    assert _order(chain.says(till)).version == 1


def test_other_orders_of_loads_bring_it_what_it_is_kept_at(chain: Chain) -> None:
    till = chain.tills[0]
    chain.back.order([till.name], ANA)
    newest = chain.kind.target()
    assert newest
    with reading(chain.engine) as connection:
        whole = msgspec.structs.replace(newest.order(), anew=True)
        (placing,) = chain.back.placings(connection, [till], whole)
        items = msgspec.structs.replace(newest.order(), items={"price": []})
        assert [len(chain.back.placings(connection, chain.tills, one)) for one in (whole, items)] == [2, 1]
    order = msgspec.json.decode(placing.payload, type=LoadOrder)
    assert (order.version, order.back_from, order.anew) == (1, 2, True)
    told = msgspec.json.decode(chain.kind.merged(chain.says(till).payload, placing.payload), type=LoadOrder)  # type: ignore[union-attr,arg-type]
    assert (told.version, told.anew) == (1, True)


def test_who_released_it_may_order_what_was_taken_back(chain: Chain) -> None:
    till = chain.tills[0]
    chain.back.order([till.name], ANA)
    chain.says(till)
    chain.obeys(till)
    chain.back.release([till.name], ANA)
    newest = chain.kind.target()
    assert newest
    with reading(chain.engine) as connection:
        placings = chain.back.placings(connection, chain.tills[:2], newest.order())
    ordered = [msgspec.json.decode(one.payload, type=LoadOrder).anew for one in placings]
    assert ordered == [True, False], "it refuses that version otherwise"


# What a till has of rows given alone, at 3 and 4, above the whole of 2: after what it says
@pytest.mark.parametrize(
    ("version", "by_order", "left"),
    [
        (4, None, {"one": 3, "two": 4}),  # nothing was taken back
        (3, 0, {"one": 3}),  # at the till
        (2, 0, {}),  # twice
        (2, 77, {}),  # as ordered: the rows of 2 and no others
        (2, None, {}),  # as ordered, by an agent that knows of no step back: by files
        (0, None, {}),  # its loads.sqlite3 was deleted
    ],
)
def test_rows_given_alone_go_with_the_step_that_brought_them(
    chain: Chain, version: int, by_order: int | None, left: dict[str, int]
) -> None:
    till, whole = chain.tills[0], chain.held[chain.tills[0].id].entities
    for key, brought in (("one", 3), ("two", 4)):
        chain.next_version(f"{brought}0")
        chain.held[till.id] = wire.LoadsHeld(brought, int(chain.clock()), whole)
        if brought == 3:  # its word of the version may come before that of the order, or after
            chain.kind.note(till, _contact(chain, till))
        with writing(chain.engine) as connection:
            tills_held.note_chosen(connection, till.id, {"price": [key.encode()]}, brought, chain.clock())
        chain.kind.note(till, _contact(chain, till))
    (step,) = chain.back.order([till.name], ANA, dry_run=True)
    assert (step.version, step.rows) == (2, {"price": 2}), "what it had at 3 no order can bring"
    back_from = 0 if by_order is None else 4
    chain.held[till.id] = wire.LoadsHeld(
        version, int(chain.clock()) + 1, whole if version else {}, back_from, by_order or 0
    )
    for _ in range(2):
        chain.server()  # it is said once more
        chain.kind.note(till, _contact(chain, till))
    with reading(chain.engine) as connection:
        assert tills_held.newest(connection, [till.id])[till.id].chosen.get("price", {}) == left


def _contact(chain: Chain, till: Till) -> wire.Contact:
    return wire.Contact("1", datetime.fromtimestamp(chain.clock(), UTC), 0, 0, orders=[], loads=chain.held[till.id])


def test_an_order_of_the_newest_that_a_till_is_at_gives_way(chain: Chain) -> None:
    till = chain.tills[0]
    chain.next_version("12")
    told = chain.says(till)
    assert told
    chain.says(till, wire.OrderProgress("load", told.number, "begun"))
    chain.back.order([till.name], ANA)
    assert (_order(chain.says(till)).version, _order(chain.says(till)).back_from) == (1, 2)
    chain.back.release([till.name], ANA)
    assert _order(chain.says(till)).version == 3, "the till had not gone back yet"
    chain.obeys(till)
    assert _standing(chain, till).state == "current"


def test_a_till_goes_back_to_any_load_that_it_had(chain: Chain) -> None:
    till = chain.tills[0]
    for price in ("12", "13"):
        chain.next_version(price)
        chain.says(till)
        chain.obeys(till)
    assert [one.version for one in chain.back.earlier(till.name)] == [3, 2, 1]
    with pytest.raises(LoadError, match="load_back_unknown"):
        chain.back.order([till.name], ANA, to=7)
    (step,) = chain.back.order([till.name], ANA, to=2)
    assert (step.back_from, step.version, step.rows) == (4, 2, {"price": 2})
    order = _order(chain.says(till))
    assert (order.version, order.back_from) == (2, 4)


def test_a_step_back_that_failed_is_tried_again_later(chain: Chain) -> None:
    till = chain.tills[0]
    chain.back.order([till.name], ANA)
    chain.says(till)
    chain.obeys(till, fails=True)
    assert chain.says(till) is None
    chain.clock.now += chain.settings.retry_minutes * 60
    assert _order(chain.says(till)).back_from == 2


def test_nobody_knows_what_a_till_had_before_its_first_load(chain: Chain) -> None:
    till = chain.tills[0]
    chain.back.order([till.name], ANA)
    chain.says(till)
    chain.obeys(till)
    for one in (till.name, chain.tills[1].name):
        if one == till.name:
            with pytest.raises(LoadError, match="load_back_unknown"):
                chain.back.order([chain.tills[1].name, one], ANA)
        else:
            with pytest.raises(LoadError, match="load_not_back"):
                chain.back.release([one], ANA)
    assert _standing(chain, chain.tills[1]).back is None, "all of them, or none"


def test_what_a_till_is_kept_at_is_not_forgotten(chain: Chain) -> None:
    till = chain.tills[0]
    chain.back.order([till.name], ANA)
    for price in ("12", "13"):
        chain.next_version(price)
    with writing(chain.engine) as connection:
        connection.execute(update(load_version).values(made_at=1.0))
    forgetting.forget(chain.engine, chain.clock())
    assert chain.prices(1)["1"] == "10.00"
    chain.back.release([till.name], ANA)
    assert forgetting.forget(chain.engine, chain.clock()) > 0


def test_of_two_who_take_it_back_at_the_same_moment_one_does(spool_engine: Engine, tmp_path: Path) -> None:
    for chain in _chain(spool_engine, tmp_path, SETTINGS):
        names = [one.name for one in chain.tills]
        found = at_once(*(partial(chain.back.order, order, ANA) for order in (names, names, names[::-1])))
        assert {type(one) for one in found} <= {list, StoreError}, "the others are told to try again"
        assert list in {type(one) for one in found}
        for till in chain.tills:
            assert _order(chain.says(till)).back_from == 2


# ---- wave by wave ----


def test_no_wave_waits_for_it_and_one_of_what_was_taken_back_stops(engine: Engine, tmp_path: Path) -> None:
    for chain in _chain(engine, tmp_path, SETTINGS, 4):
        _goes_back_in_waves(chain)


def _goes_back_in_waves(chain: Chain) -> None:
    chain.server(WAVES)
    first = chain.tills[0]
    chain.next_version("12")
    assert chain.told() == [0]
    chain.obeys(first)
    assert chain.told() == [1]
    chain.back.order([first.name], ANA)
    found = chain.rollouts.find()
    assert found
    assert (found.state, found.code, found.stopped_by) == ("stopped", "load_rolled_back", first.name)
    assert chain.told() == [0], "the others wait for a person's word; it goes back"
    chain.obeys(first)
    chain.rollouts.resume(found.id, ANA)
    chain.next_version("13")
    for _ in range(3):
        for place in chain.told():
            assert place
            chain.obeys(chain.tills[place])
    assert chain.state()[0] == "done", "one that is kept back is in no wave"
    chain.back.release([first.name], ANA)
    assert [chain.says(first) is not None for _ in range(2)] == [False, True], "as a till that came late"
    chain.obeys(first)
    assert _standing(chain, first).state == "current"
    assert chain.rollouts.start(Wanted(), ANA, dry_run=True).counts == {"pending": 4}
