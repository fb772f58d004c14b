"""A till and its structure: what it tells, what it obeys, what it refuses, and that no sale is lost over it."""

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec
import pytest

from malote import wire
from malote.disk import DISK
from malote.schema import till_update
from malote.schema.definition import FORMAT, Structure, fingerprint
from malote.schema.sqlite_look import look
from malote.schema.till_structure import BASE, TILL
from malote.till.orders import order_memory
from malote.till.orders import structure as structure_orders
from malote.till.orders.dispatching import Orders, trust_anew
from malote.till.orders.handling import Handler, KindRecord, Means, OrderRecord
from malote.till.outbox import Outbox
from malote.till.storage import OutboxDamagedError
from tests.unit.faulty_disk import FULL, FaultyDisk, PowerCut
from tests.unit.structures_till_support import (
    KEY,
    OTHER_KEY,
    TILL_NUMBER,
    columns_of,
    next_structure,
    old_outbox,
    older_order,
    order,
    tables_of,
)
from tests.unit.till_support import Ears, captured, sale_line


class Keeper:
    """The till's orders, carried out as soon as they come."""

    def __init__(self, outbox: Outbox, ears: Ears) -> None:
        self._outbox = outbox
        means = Means(outbox, cast(Any, None), ears.voice, lambda: None, time.time)
        self.orders = Orders(means, TILL_NUMBER, time.monotonic)

    def heed(self, reply: wire.ContactReply) -> bool:
        news = self.orders.heed(reply)
        while self.orders.busy:
            self.orders.step()
        return news

    def said(self) -> wire.TillStructure:
        found = [one for one in self.orders.said() if one.kind == wire.STRUCTURE]
        return structure_orders.said(self._outbox, found[-1] if found else None)


class Till(NamedTuple):
    path: Path
    outbox: Outbox
    keeper: Keeper
    ears: Ears


@pytest.fixture
def till(tmp_path: Path) -> Any:
    path = tmp_path / "outbox.sqlite3"
    old_outbox(path)
    ears = Ears()
    with Outbox(path) as outbox:
        outbox.capture([captured(b"one", "1.xml", sale_line(1))], 1.0)
        yield Till(path, outbox, Keeper(outbox, ears), ears)


def reply(given: wire.Order | None, key: str = KEY.public) -> wire.ContactReply:
    return wire.ContactReply("9", datetime.now(UTC), "caixa1", 0.0, server_key=key, orders=[given] if given else [])


def test_the_declaration_is_what_the_agent_makes(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite3"
    old_outbox(path)
    with closing(sqlite3.connect(path)) as connection:
        assert till_update._differences(connection, BASE) == []
        assert set(look(connection)) == {table.name for table in BASE.tables}


def test_a_new_outbox_is_complete_and_an_old_one_stays_as_it_is(tmp_path: Path) -> None:
    with Outbox(tmp_path / "new.sqlite3") as outbox:
        said = Keeper(outbox, Ears()).said()
        assert said == wire.TillStructure(FORMAT, TILL.version, fingerprint(TILL))
    old_outbox(tmp_path / "old.sqlite3")
    with Outbox(tmp_path / "old.sqlite3") as outbox:
        assert Keeper(outbox, Ears()).said() == wire.TillStructure(FORMAT, 1, "")
        assert "structure_change" not in tables_of(outbox.path)


@pytest.mark.parametrize("structure", [TILL, next_structure()], ids=["this year's", "newer than the agent"])
def test_an_order_is_obeyed_and_told(till: Till, structure: Structure) -> None:
    assert till.keeper.heed(reply(order(structure)))
    said = till.keeper.said()
    assert (said.version, said.sha256, said.order, said.done) == (structure.version, fingerprint(structure), 7, True)
    assert {table.name for table in structure.tables} <= tables_of(till.path)
    assert not till_update.backup_of(till.path).exists()
    assert [file.content for file in till.outbox.next_pouch(10, 1000).files] == [b"one"]
    till.outbox.capture([captured(b"two", "2.xml", sale_line(2))], 2.0)
    assert till.outbox.counts().captured == 2
    assert not till.keeper.heed(reply(order(structure))), "the same order again is news to nobody"
    if structure is not TILL:
        assert columns_of(till.path, "document")[-2:] == ["cashier", "rounds"]
        ((rounds,),) = till.outbox.rows("SELECT rounds FROM document WHERE access_key LIKE '%1'")
        assert rounds == 0
    ((statements,),) = till.outbox.rows("SELECT statements FROM structure_change")
    assert statements > 0


def test_an_older_agent_opens_what_a_newer_structure_was_applied_to(till: Till) -> None:
    till.keeper.heed(reply(order(next_structure())))
    with Outbox(till.path) as again:
        assert again.counts().captured == 1


def changed(given: wire.Order, **values: Any) -> wire.Order:
    return msgspec.structs.replace(given, **values)


GOOD = order(TILL)
NEWER = msgspec.structs.replace(TILL, format=FORMAT + 1)
ODD = msgspec.structs.replace(TILL, tables=(msgspec.structs.replace(TILL.tables[0], name='x"; DROP TABLE file; --'),))


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (changed(GOOD, payload=str(GOOD.payload).replace("structure_change", "structure_chance")), "order_tampered"),
        (changed(GOOD, sha256="0" * 64), "order_tampered"),
        (changed(GOOD, signature="00" * 64), "order_foreign"),
        (changed(GOOD, signature="no hex"), "order_foreign"),
        (changed(GOOD, signature=""), "order_foreign"),
        (changed(GOOD, number=8), "order_foreign"),
        (changed(GOOD, expires_at=2**40), "order_foreign"),
        (order(TILL, key=OTHER_KEY), "order_foreign"),
        (order(TILL, till=TILL_NUMBER + 1), "order_foreign"),
        (order(NEWER), "structure_newer"),
        (order(ODD), "structure_unreadable"),
        (order(msgspec.structs.replace(TILL, scope="erp")), "structure_unreadable"),
    ],
)
def test_what_is_refused_leaves_the_outbox_as_it_was(till: Till, given: wire.Order, code: str) -> None:
    till.keeper.heed(reply(None))
    assert till.keeper.heed(reply(given))
    said = till.keeper.said()
    assert (said.version, said.order, said.done, said.code) == (1, given.number, False, code)
    assert till.ears.codes() == [code]
    assert tables_of(till.path) == {table.name for table in BASE.tables}


def test_a_server_with_another_key_is_believed_only_when_a_person_says_so(till: Till) -> None:
    till.keeper.heed(reply(None))
    till.keeper.heed(reply(order(TILL, key=OTHER_KEY), OTHER_KEY.public))
    assert till.keeper.said().code == "order_key_changed"
    trust_anew(till.outbox)
    till.keeper.heed(reply(order(TILL, 8, key=OTHER_KEY), OTHER_KEY.public))
    assert till.keeper.said().done
    till.keeper.heed(reply(order(next_structure(), 9), KEY.public))
    assert till.keeper.said().code == "order_key_changed"


def test_a_column_of_another_type_is_refused(till: Till) -> None:
    list(till.outbox.rows("ALTER TABLE document ADD COLUMN cashier BLOB"))
    till.keeper.heed(reply(order(next_structure())))
    said = till.keeper.said()
    assert said.code == "structure_refused_here"
    assert "document.cashier (column_type_differs)" in said.facts["detail"]
    assert "product" not in tables_of(till.path)


def test_no_room_for_the_copy(till: Till) -> None:
    class Full(FaultyDisk):
        def free_bytes(self, folder: Path) -> int:
            return 0

    till.outbox.disk = Full()
    till.keeper.heed(reply(order(TILL)))
    assert till.keeper.said().code == "till_disk_full"
    assert tables_of(till.path) == {table.name for table in BASE.tables}


def test_a_disk_that_fills_up_in_the_middle(till: Till) -> None:
    class Small(FaultyDisk):
        def database(self, path: Path | str, **how: Any) -> sqlite3.Connection:
            connection = super().database(path, **how)
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages}")
            return connection

    till.outbox.disk = Small()
    till.keeper.heed(reply(order(next_structure())))
    said = till.keeper.said()
    assert (said.version, said.code) == (1, "till_disk_full")
    assert tables_of(till.path) == {table.name for table in BASE.tables}
    assert till.outbox.counts().captured == 1
    till.outbox.disk = DISK
    till.keeper.heed(reply(order(next_structure(), 8)))
    assert till.keeper.said().done


@pytest.mark.parametrize("step", ["sync", "rename"])
def test_a_copy_that_fails(till: Till, step: str) -> None:
    till.outbox.disk = FaultyDisk(lambda what, _: FULL if what == step else None)
    till.keeper.heed(reply(order(TILL)))
    assert till.keeper.said().code == "till_disk_full"
    assert [path.name for path in till.path.parent.iterdir() if "structure" in path.name] == []


def test_what_breaks_off_each_time_is_told_at_last(till: Till) -> None:
    for _ in range(Handler.most_tries or 0):
        till.outbox.disk = FaultyDisk(lambda what, _: PowerCut() if what == "BEGIN" else None)
        with pytest.raises(PowerCut):
            till.keeper.heed(reply(order(TILL)))
        assert till.keeper.said().order == 0
    # As after a restart: what the outbox remembers counts.
    keeper = Keeper(till.outbox, till.ears)
    keeper.heed(reply(order(TILL)))
    assert keeper.said().code == "order_broke_off"


def test_a_file_that_turns_out_damaged_is_for_the_agent(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(connection: sqlite3.Connection) -> None:
        error = sqlite3.DatabaseError("quick_check")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error

    monkeypatch.setattr(till_update, "_prove_sound", damaged)
    with pytest.raises(OutboxDamagedError):
        till.keeper.heed(reply(order(TILL)))
    with closing(sqlite3.connect(till_update.backup_of(till.path))) as copy:
        assert copy.execute("SELECT count(*) FROM file").fetchone() == (1,)
        assert copy.execute("PRAGMA user_version").fetchone() == (1,)


# ---- an order is to this till, and newer than all before ----


def test_an_older_order_is_never_obeyed_again(till: Till) -> None:
    first, second = order(TILL, 7), order(next_structure(), 9)
    assert till.keeper.heed(reply(second))
    had = till.keeper.said()
    assert till.keeper.heed(reply(first)), "that it was refused is told"
    said = till.keeper.said()
    assert (said.order, said.done, said.code) == (7, False, "order_old")
    assert (said.version, said.sha256) == (had.version, had.sha256)
    assert till.ears.codes("happened") == ["order_old"]
    assert not till.keeper.heed(reply(first)), "once"
    # What replays it now and then in between doesn't make it newer.
    for replayed in (second, first, second, first):
        till.keeper.heed(reply(replayed))
    assert till.keeper.said().version == next_structure().version
    assert till.keeper.heed(reply(order(next_structure(), 10)))
    assert till.keeper.said().done


def test_an_order_that_comes_after_its_end_by_the_server_s_clock_is_not_begun(till: Till) -> None:
    now = int(datetime.now(UTC).timestamp())
    assert till.keeper.heed(reply(order(TILL, expires_at=now - 60)))
    assert till.keeper.said().code == "order_expired"
    assert till.keeper.heed(reply(order(TILL, 8, expires_at=now + 3600)))
    assert till.keeper.said().done


def test_an_older_version_is_not_obeyed_under_a_newer_number(till: Till) -> None:
    assert till.keeper.heed(reply(order(next_structure(), 7)))
    assert till.keeper.heed(reply(order(TILL, 8)))
    assert till.keeper.said().code == "structure_order_old"
    assert "product" in tables_of(till.path)


# ---- servers that know of no other orders ----


def older_reply(given: wire.StructureOrder | None, key: str = KEY.public) -> wire.ContactReply:
    return wire.ContactReply("0.1", datetime.now(UTC), "caixa1", 0.0, server_key=key, structure=given)


def test_an_order_of_an_older_server_is_obeyed_and_told_in_its_words(till: Till) -> None:
    assert till.keeper.heed(older_reply(older_order(TILL)))
    said = till.keeper.said()
    assert (said.version, said.sha256, said.order, said.done) == (TILL.version, fingerprint(TILL), 7, True)
    assert not till.keeper.heed(older_reply(older_order(TILL)))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"binding": ""}, "order_foreign"),
        ({"binding": "00" * 64}, "order_foreign"),
        ({"number": 8}, "order_foreign"),
        ({"version": TILL.version + 1}, "order_foreign"),
        ({"structure": "{}"}, "order_tampered"),
    ],
)
def test_an_older_server_s_order_must_be_bound_to_its_number_and_version(till: Till, changes: Any, code: str) -> None:
    assert till.keeper.heed(older_reply(msgspec.structs.replace(older_order(TILL), **changes)))
    assert [one.code for one in till.keeper.orders.said()] == [code]
    assert till.keeper.said().version == 1


def test_what_an_older_agent_noted_of_its_last_order_is_not_obeyed_again(till: Till) -> None:
    till.outbox.note("structure_order", {"order": 9, "done": True, "seconds": 0.5})
    till.outbox.note("structure_newest", 9)
    keeper = Keeper(till.outbox, till.ears)
    assert (keeper.said().order, keeper.said().done) == (9, True)
    keeper.heed(reply(None))
    assert not keeper.heed(reply(order(TILL, 9)))
    assert keeper.heed(reply(order(TILL, 8)))
    assert keeper.said().code == "order_old"


def test_what_any_agent_so_far_noted_of_a_kind_is_read(till: Till) -> None:
    till.outbox.note("order:structure", {"newest": 9, "standing": {"number": 9, "state": "done"}})
    assert order_memory.recall(till.outbox, wire.STRUCTURE) == KindRecord(9, OrderRecord(9, "done"))


def test_a_new_server_that_is_believed_begins_anew(till: Till) -> None:
    assert till.keeper.heed(reply(order(TILL, 9)))
    trust_anew(till.outbox)
    assert till.keeper.heed(reply(order(next_structure(), 2, OTHER_KEY), OTHER_KEY.public))
    assert till.keeper.said().done
