"""A sale sold offline whose authorised version, under the same key, is none: never revenue that nobody is told of."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from malote.accounts.audit import Actor
from tests.engines.relations_answers import answer
from tests.engines.relations_support import Store, store_in
from tests.unit.fiscal.notes import Line, build_note, key_of

BOSS = Actor("ana", "127.0.0.1")


def note(cfop: str, *, protocol: bool) -> bytes:
    return build_note(number=36, emission=9, protocol=protocol, items=(Line(cfop=cfop),))


OFFLINE = note("5102", protocol=False)
DOCUMENTED = note("5929", protocol=True)
KEY = key_of(OFFLINE)
ASKED = ("rejected", "booked_is_no_sale")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with store_in(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("cfop", ["5929", "5152"])
def test_a_person_is_asked_where_the_sale_is_booked(store: Store, cfop: str) -> None:
    later = note(cfop, protocol=True)
    store.send(OFFLINE, later)
    assert store.settled(OFFLINE, later) == [("posted", None), ASKED]
    assert list((Path(store.settings.home) / "rejeitados").rglob("*.xml"))
    quarantine, asked = store.services.quarantine, store.document(later).id
    assert [one.kind for one in quarantine.cures(asked)] == ["reverse_booked", "book_sale"]
    quarantine.reverse_booked(asked, BOSS, reason="transferência")
    store.post()
    assert store.settled(OFFLINE, later) == [("kept", "taken_back"), ("kept", "answer_moot")]
    assert store.booked()[KEY].cancelled
    assert store.stock() == 0
    store.nobody_is_asked()


@pytest.mark.parametrize("order", ["first", "together"])
def test_nothing_is_booked_where_it_is_known_before(store: Store, order: str) -> None:
    if order == "first":
        store.send(DOCUMENTED, OFFLINE)
    else:
        store.drop(OFFLINE, DOCUMENTED)
        store.post()
    assert store.settled(OFFLINE, DOCUMENTED) == [("kept", "settled_unbooked"), ("kept", "operation_documented")]
    assert store.booked() == {}
    store.nobody_is_asked()


def test_a_person_may_say_that_it_was_a_sale_and_is_not_asked_again(store: Store) -> None:
    store.send(OFFLINE, DOCUMENTED)
    store.services.quarantine.book_sale(store.document(DOCUMENTED).id, BOSS, reason="foi venda")
    store.post()
    assert store.booked()[KEY].status == 100
    assert store.stock() == -1
    again = DOCUMENTED + b"\n"
    store.send(again)
    assert store.state(again) == ("kept", "operation_documented")
    store.nobody_is_asked()


def test_a_sale_that_an_answer_authorised_is_not_reversed(store: Store) -> None:
    store.send(OFFLINE, answer(of=note("5102", protocol=True)), DOCUMENTED)
    assert store.state(DOCUMENTED) == ASKED
    cures = store.services.quarantine.cures(store.document(DOCUMENTED).id)
    assert [one.kind for one in cures] == ["book_sale"]


def test_a_version_that_says_the_same_is_kept_beside_no_booking(store: Store) -> None:
    unsent = note("5929", protocol=False)
    store.send(unsent, DOCUMENTED)
    assert store.settled(unsent, DOCUMENTED) == [("kept", "operation_documented")] * 2
    store.nobody_is_asked()
