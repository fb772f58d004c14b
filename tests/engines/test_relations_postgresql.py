"""What documents settle of one another, with both databases on PostgreSQL: one store, and a number for each case."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from malote.accounts.audit import Actor
from tests import ready_stores
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.relations_answers import NUMBER, answer, lot
from tests.engines.relations_support import Booked, Store, store_in
from tests.unit.fiscal.notes import Line, build_cancellation, build_note, build_void, key_of

pytestmark = pytest.mark.postgresql
BOSS = Actor("ana", "127.0.0.1")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    database, erp = ready_stores.postgresql_url(), fresh_postgresql_url()
    home: Path = tmp_path_factory.mktemp("relations")
    with store_in(home, database_url=database, erp_url=erp) as opened:
        yield opened
    discard_postgresql(database)
    discard_postgresql(erp)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("status", [100, 120])
def test_a_note_and_its_answer_are_joined(store: Store, first: int, status: int) -> None:
    note = build_note(number=100 + first + status, protocol=False)
    files = [lot(note), answer(status, of=build_note(number=100 + first + status))]
    store.send(files[first], files[1 - first])
    store.post()
    assert store.booked()[key_of(note)] == Booked(Decimal("25.90"), NUMBER, status, False)
    store.nobody_is_asked()


@pytest.mark.parametrize("first", [0, 1])
def test_a_refused_version_is_settled_by_the_authorised_one(store: Store, first: int) -> None:
    files = [build_note(number=300 + first, status=204), build_note(number=300 + first)]
    store.send(files[first], files[1 - first])
    assert store.state(files[0]) == ("kept", "superseded")
    store.nobody_is_asked()


@pytest.mark.parametrize("first", [0, 1])
def test_refused_and_void(store: Store, first: int) -> None:
    number = 310 + first
    files = [build_note(number=number, status=217), build_void(first=number, last=number)]
    store.send(files[first], files[1 - first])
    assert store.state(files[0]) == ("kept", "number_voided")
    used = [build_void(first=number + 10, last=number + 10, status=241), build_note(number=number + 10)]
    store.send(used[first], used[1 - first])
    assert store.state(used[0]) == ("kept", "number_used_booked")
    spent = [build_void(first=number + 20, last=number + 20, status=221), build_note(number=number + 20)]
    store.send(spent[first], spent[1 - first])
    assert store.state(spent[0]) == ("kept", "void_needless")
    store.nobody_is_asked()


@pytest.mark.parametrize("first", [0, 1])
def test_cancelled_before_it_was_authorised_here(store: Store, first: int) -> None:
    sent = lot(build_note(number=350 + first, protocol=False))
    files = [sent, build_cancellation(key_of(sent))]
    store.send(files[first], files[1 - first])
    store.post()
    assert store.settled(*files) == [("kept", "cancelled_unbooked"), ("kept", "cancels_no_sale")]
    store.nobody_is_asked()


@pytest.mark.parametrize("first", [0, 1])
def test_the_other_key_of_a_number(store: Store, first: int) -> None:
    files = [build_note(number=360 + first, status=539, code="12345678"), build_note(number=360 + first)]
    store.send(files[first], files[1 - first])
    assert store.state(files[0]) == ("kept", "superseded")
    store.nobody_is_asked()


def test_a_denied_sale_is_reversed_and_a_kept_note_booked(store: Store) -> None:
    offline = build_note(number=370, emission=9)
    said = answer(301, of=build_note(number=370, emission=9, protocol=True))
    moved = build_note(number=371, items=[Line(cfop="5152")])
    store.send(offline, said, moved)
    quarantine = store.services.quarantine
    quarantine.reverse_booked(store.document(said).id, BOSS, reason="denegada")
    quarantine.book_sale(store.document(moved).id, BOSS, reason="é venda")
    store.post()
    assert store.settled(offline, said, moved) == [("kept", "taken_back"), ("kept", "answer_moot"), ("posted", None)]
    assert store.booked()[key_of(offline)].cancelled
    assert not store.booked()[key_of(moved)].cancelled
    store.nobody_is_asked()
