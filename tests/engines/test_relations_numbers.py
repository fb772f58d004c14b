"""One number and several documents about it, in every order: no sale is lost in silence, and none counts twice.

Each order has a number of its own, so that one store does for all of them.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from malote.accounts.audit import Actor
from malote.config import StoreSettings
from malote.register import till_documents
from tests.engines.relations_answers import answer, lot
from tests.engines.relations_support import Store, store_in
from tests.unit.fiscal.notes import build_cancellation, build_note, build_void, key_of

BOSS = Actor("ana", "127.0.0.1")
TWICE = ("posted", "number_twice")
BOOKED = ("posted", None)


class About:
    """The documents about one number: a note whose protocol comes apart, an offline one, others under further keys."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.sold = build_note(number=number)
        self.sent = lot(build_note(number=number, protocol=False))  # what a POS saves before the answer
        self.answer = answer(of=self.sold)
        self.void = build_void(first=number, last=number)
        self.offline = build_note(number=number, emission=9)
        self.authorised_later = build_note(number=number, emission=9, protocol=True)
        self.other = build_note(number=number, code="99999999")
        self.third = build_note(number=number, code="77777777")
        self.key, self.offline_key, self.other_key = map(key_of, (self.sold, self.offline, self.other))
        self.cancelled = build_cancellation(self.key)
        self.offline_cancelled = build_cancellation(self.offline_key)


def in_every_order(*names: str) -> Iterator[tuple[About, tuple[str, ...]]]:
    for at, order in enumerate(itertools.permutations(names)):
        yield About(30 + at), order


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with store_in(tmp_path) as opened:
        yield opened
        opened.numbers_are_guarded()


def send(store: Store, about: About, *names: str) -> None:
    store.send(*(getattr(about, name) for name in names))


def counting(store: Store, about: About) -> set[str]:
    return {key for key, one in store.booked().items() if int(key[25:34]) == about.number and not one.cancelled}


def test_a_note_of_a_void_number_that_an_answer_authorises_is_a_persons_matter(store: Store) -> None:
    desk = store.services.quarantine
    for about, order in in_every_order("void", "sent", "answer"):
        send(store, about, *order)
        if order[-1] == "void":
            assert store.settled(about.sent, about.void) == [BOOKED, ("posted", "void_of_authorised")], order
            continue
        assert counting(store, about) == set(), order
        assert store.state(about.sent) == ("rejected", "sale_of_void_number"), order
        noted = store.document(about.sent).id
        assert [one.kind for one in desk.cures(noted)] == ["reverse_booked", "keep_unbooked"]
        desk.reverse_booked(noted, BOSS, reason="autorizada na SEFAZ")
        store.post()
        assert counting(store, about) == {about.key}
        assert store.state(about.sent) == BOOKED


def test_two_keys_of_a_number_stand_where_an_answer_authorises_one(store: Store) -> None:
    for about, order in in_every_order("other", "sent", "answer"):
        send(store, about, *order)
        assert counting(store, about) == {about.key, about.other_key}, order
        assert sorted(store.settled(about.other, about.sent), key=str) == [TWICE, BOOKED], order


def test_what_an_answer_authorised_may_take_the_place_of_the_unauthorised(store: Store) -> None:
    about = About(30)
    send(store, about, "offline", "sent", "answer")
    assert store.state(about.sent) == ("rejected", "number_supersedes")
    assert counting(store, about) == {about.offline_key}
    store.services.quarantine.reverse_booked(store.document(about.sent).id, BOSS, reason="conferido")
    store.post()
    assert counting(store, about) == {about.key}
    assert store.stock() == -1


def test_two_authorised_keys_stand_whichever_was_authorised_last(store: Store) -> None:
    for about, order in in_every_order("offline", "other", "authorised_later"):
        send(store, about, *order)
        assert counting(store, about) == {about.offline_key, about.other_key}, order
        assert TWICE in store.settled(about.other, about.authorised_later), order
        assert store.state(about.other)[0] == "posted", order


def test_an_authorised_sale_asks_nobody_where_the_number_s_other_one_is_cancelled(store: Store) -> None:
    for about, order in in_every_order("offline", "offline_cancelled", "other"):
        if order.index("offline") > order.index("other"):
            continue  # the offline one is not booked then
        send(store, about, *order)
        assert counting(store, about) == {about.other_key}, order
    store.nobody_is_asked()


def test_of_three_keys_the_second_that_counts_is_told_though_the_first_is_cancelled(store: Store) -> None:
    about = About(30)
    send(store, about, "sold", "cancelled", "other", "third")
    assert counting(store, about) == {about.other_key, key_of(about.third)}
    assert store.settled(about.other, about.third) == [BOOKED, TWICE]


def test_of_two_keys_that_come_together_one_is_told_though_a_third_is_cancelled(store: Store) -> None:
    about = About(30)
    send(store, about, "sold", "cancelled")
    store.drop(about.other, about.third)
    store.post()
    assert sorted(store.settled(about.other, about.third), key=str) == [TWICE, BOOKED]


@pytest.mark.parametrize("together", [False, True])
def test_a_sale_that_its_void_takes_back_by_itself_counts_nowhere(tmp_path: Path, together: bool) -> None:
    about = About(30)
    with store_in(tmp_path, store=StoreSettings(reverse_superseded="itself")) as store:
        store.drop(about.offline)
        if not together:
            store.post()
        store.drop(about.void)
        store.post()
        assert counting(store, about) == set()
        assert store.settled(about.offline, about.void) == [("kept", "taken_back"), BOOKED]
        assert till_documents.status(store.services.engine, now=store.services.spool.clock())[0].posted == 1
        store.nobody_is_asked()


@pytest.mark.parametrize("together", [False, True])
def test_of_three_keys_a_pair_is_told_when_the_first_is_cancelled(store: Store, together: bool) -> None:
    about, pair = About(30), About(31)
    files = [about.sold, about.other, about.third, about.cancelled, pair.sold, pair.other, pair.cancelled]
    for one in files:
        store.drop(one)
        if not together:
            store.post()
    store.post()
    assert sorted(store.settled(about.other, about.third), key=str) == [TWICE, BOOKED]
    assert store.state(pair.other) == BOOKED
