"""Kept files are read round and round: a byte changed, a pouch deleted, a form read otherwise; and the cure."""

import hashlib
from collections.abc import Callable

import msgspec
import pytest
from sqlalchemy import Engine, select, update

from malote.accounts.audit import command_line, entries
from malote.books import damaged_files, kept_files, mending_files
from malote.books.note_findings import look as note_findings
from malote.business_day import BusinessCalendar
from malote.database.engine import reading, writing
from malote.database.kept_tables import kept_walk
from malote.database.tables import document as documents
from malote.database.tables import pouch as pouches
from malote.findings import lights
from malote.fiscal.documents import Document, Sale
from malote.fiscal.reader import read
from malote.fiscal.reading_limits import Limits
from malote.register import contents, replaying
from malote.sealing import seal
from malote.spool.documents import IncomingFile
from malote.spool.extracted import packed
from malote.spool.sql_queue import Spool
from malote.tills.till import create_till
from malote.wire import PouchFile
from tests.engines.spool_support import NOON, START, drop_pouch, incoming
from tests.unit.fiscal.notes import build_note

pytest_plugins = ["tests.engines.spool_fixtures"]

NOW = START + 3600


def note(number: int) -> bytes:
    return build_note(number=number)


def sold(number: int) -> Sale:
    [reading_] = read(note(number))
    assert isinstance(reading_.document, Sale)
    return reading_.document


@pytest.fixture
def store(spool_engine: Engine) -> Engine:
    """Three pouches of two sales each."""
    till, _ = create_till(spool_engine, "caixa1")
    spool = Spool(spool_engine)
    for first in (1, 3, 5):
        files = [PouchFile(f"{n}.xml", hashlib.sha256(note(n)).digest(), note(n)) for n in (first, first + 1)]
        told = [_incoming(f"{n}", sold(n)) for n in (first, first + 1)]
        spool.accept(till.id, seal(files, NOON)[0], told, received_at=START)
    return spool_engine


def _incoming(name: str, sale: Document) -> IncomingFile:
    return IncomingFile(f"{name}.xml", hashlib.sha256(note(int(name))).digest(), [incoming(sale)])


def told(engine: Engine) -> list[tuple[int | None, str]]:
    return [(one.number, one.what) for one in damaged_files.listed(engine)]


def whole_round(engine: Engine, now: float) -> int:
    found = 0
    for turn in range(20):
        looked = kept_files.look(engine, now + turn, budget=0)
        found += looked.damaged
        if looked.ended:
            return found
    raise AssertionError("no end")


def flip(engine: Engine, column: str, pouch: int, where: Callable[[bytes], int]) -> None:
    with writing(engine) as connection:
        held = bytes(connection.execute(select(pouches.c[column]).where(pouches.c.id == pouch)).scalar_one())
        changed = _flipped(held, where(held))
        connection.execute(update(pouches).where(pouches.c.id == pouch).values({column: changed}))


def _flipped(held: bytes, at: int) -> bytes:
    return held[:at] + bytes([held[at] ^ 1]) + held[at + 1 :]


def test_nothing_is_told_of_what_is_whole_and_a_look_takes_a_pouch_at_least(store: Engine) -> None:
    assert [kept_files.look(store, NOW + turn, budget=0).ended for turn in range(3)] == [False, False, True]
    assert told(store) == []


def test_each_damage_is_named_with_its_number_and_a_light_tells_its_value(store: Engine) -> None:
    flip(store, "body", 1, lambda held: 0)
    with writing(store) as connection:
        changed = [PouchFile("3.xml", hashlib.sha256(note(9)).digest(), note(9))]
        changed.append(PouchFile("4.xml", hashlib.sha256(note(4)).digest(), note(4)))
        connection.execute(update(pouches).where(pouches.c.id == 2).values(body=seal(changed, NOON)[0]))
    assert whole_round(store, NOW) == 3
    assert told(store) == [(1, "changed"), (2, "changed"), (3, "changed")]
    note_findings(store, BusinessCalendar(), NOW)
    overview = lights.till_overview(store, "caixa1", now=NOW)
    assert overview is not None
    [finding] = [one for one in overview.findings if one.name == "damaged"]
    assert (finding.code, finding.count, finding.value) == ("kept_damaged", 3, 3 * sold(1).totals.total)
    assert whole_round(store, NOW + 100) == 0, "it is known"


def test_one_byte_changed_anywhere_in_a_pouch_is_found(store: Engine) -> None:
    with reading(store) as connection:
        held = bytes(connection.execute(select(pouches.c.body).where(pouches.c.id == 1)).scalar_one())
        rows = connection.execute(select(documents).where(documents.c.pouch_id == 1)).all()
        extracted = connection.scalar(select(pouches.c.extracted).where(pouches.c.id == 1))
    assert kept_files.damages(rows, held, extracted) == {}
    whole = [at for at in range(len(held)) if not kept_files.damages(rows, _flipped(held, at), extracted)]
    assert len(whole) < len(held) // 50, "bits of the frame that carry nothing"


@pytest.mark.parametrize("gone", [1, 2, 3])
def test_a_pouch_that_vanished_is_told(store: Engine, gone: int) -> None:
    drop_pouch(store, gone)
    assert whole_round(store, NOW) == 2
    assert told(store) == [(2 * gone - 1, "gone"), (2 * gone, "gone")]


def test_what_retention_dropped_is_no_damage_and_bytes_taken_out_are(store: Engine) -> None:
    with writing(store) as connection:
        pruned = {"body": None, "extracted": None, "pruned_at": NOW}
        connection.execute(update(pouches).where(pouches.c.id == 1).values(pruned))
        connection.execute(update(pouches).where(pouches.c.id == 3).values(body=None))
    whole_round(store, NOW)
    assert told(store) == [(5, "gone"), (6, "gone")]


def test_what_was_read_from_a_file_is_compared_with_its_line(store: Engine) -> None:
    with writing(store) as connection:
        held = connection.execute(select(pouches.c.extracted).where(pouches.c.id == 3)).scalar_one()
        connection.execute(update(pouches).where(pouches.c.id == 2).values(extracted=held))
    whole_round(store, NOW)
    assert told(store) == [(3, "extracted"), (4, "extracted")]


def test_a_form_of_the_same_key_and_total_and_other_goods_is_told_and_a_replayed_one_is_not(store: Engine) -> None:
    with writing(store) as connection:
        forms = [sold(1), sold(2)]
        items = (msgspec.structs.replace(forms[1].items[0], product_code="999"), *forms[1].items[1:])
        changed = msgspec.structs.replace(forms[1], items=items)
        connection.execute(update(pouches).where(pouches.c.id == 1).values(extracted=packed([forms[0], changed]).blob))
        replaying.give_document(connection, 3, sold(3))
    whole_round(store, NOW)
    assert told(store) == [(2, "extracted")]


def test_the_file_as_it_came_mends_it_and_no_other_does(store: Engine) -> None:
    drop_pouch(store, 2)
    whole_round(store, NOW)
    limits = Limits()
    assert mending_files.mend(store, note(9), limits, command_line(), NOW) == 0
    assert mending_files.mend(store, note(3), limits, command_line(), NOW) == 1
    assert told(store) == [(4, "gone")]
    with reading(store) as connection:
        mended = connection.execute(select(documents.c.id).where(documents.c.number == 3)).scalar_one()
    assert contents.content(store, mended) == note(3)
    whole_round(store, NOW + 50)
    assert told(store) == [(4, "gone")], "what was brought is whole"
    assert damaged_files.accept(store, "caixa1", command_line(), "no copy", NOW) == (1, sold(4).totals.total)
    assert told(store) == []
    assert [len(entries(store, action=name)) for name in ("file_mended", "damaged_accepted")] == [1, 1]


def test_a_person_answers_for_all_of_a_till_however_many_are_listed(
    store: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(damaged_files, "MOST_LISTED", 1)
    drop_pouch(store, 1)
    drop_pouch(store, 3)
    whole_round(store, NOW)
    assert told(store) == [(1, "gone")]
    value = sum(sold(number).totals.total for number in (1, 2, 5, 6))
    assert damaged_files.accept(store, "caixa1", command_line(), "no copy", NOW) == (4, value)
    assert told(store) == []


def test_two_servers_do_not_read_the_same(store: Engine) -> None:
    kept_files.look(store, NOW, budget=0)
    with reading(store) as connection:
        walked_at = connection.execute(select(kept_walk.c.walked_at)).scalar_one()
    assert kept_files._claimed(store, walked_at, NOW + 30)
    assert not kept_files._claimed(store, walked_at, NOW + 31)
