"""What the authority says of a sale after it refused it, or after it was taken back: whichever file comes first."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from malote.accounts.audit import Actor
from malote.config import StoreSettings
from tests.engines.relations_answers import answer
from tests.engines.relations_support import Store, store_in
from tests.unit.fiscal.notes import Line, build_cancellation, build_note, build_void, key_of

BOSS = Actor("ana", "127.0.0.1")
WITHOUT_ANSWER = build_note(number=35, protocol=False)
AUTHORISED = build_note(number=35)
OFFLINE = build_note(number=36, emission=9)
KEY = key_of(OFFLINE)
AUTHORISED_LATER = build_note(number=36, emission=9, protocol=True)
OTHER_KEY = build_note(number=36, code="99999999")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with store_in(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(
    "cancelled",
    [
        build_cancellation(KEY),
        build_cancellation(KEY, event="110112", substitute=key_of(OTHER_KEY)),
    ],
    ids=["110111", "110112"],
)
@pytest.mark.parametrize("first", [0, 1])
def test_a_sale_taken_back_that_is_authorised_and_cancelled_asks_nobody(
    store: Store, cancelled: bytes, first: int
) -> None:
    store.send(OFFLINE, OTHER_KEY)
    store.services.quarantine.reverse_booked(store.document(OTHER_KEY).id, BOSS, reason="é a autorizada")
    store.post()
    store.send(*[[cancelled, AUTHORISED_LATER], [AUTHORISED_LATER, cancelled]][first])
    store.post()
    assert store.settled(cancelled, AUTHORISED_LATER) == [("posted", None)] * 2
    assert {key: (one.cancelled, one.status) for key, one in store.booked().items()} == {
        KEY: (True, 100), key_of(OTHER_KEY): (False, 100),
    }  # fmt: skip
    assert store.stock() == -1
    store.nobody_is_asked()


def test_a_denied_sale_that_was_taken_back_and_is_authorised_asks_a_person(store: Store) -> None:
    store.send(OFFLINE, said := answer(302, of=AUTHORISED_LATER))
    quarantine = store.services.quarantine
    quarantine.reverse_booked(store.document(said).id, BOSS, reason="denegada")
    store.post()
    store.send(AUTHORISED_LATER)
    assert store.state(AUTHORISED_LATER) == ("rejected", "authorised_after_reversal")
    assert store.booked()[KEY].status is None
    assert store.stock() == 0
    quarantine.reverse_booked(store.document(AUTHORISED_LATER).id, BOSS, reason="vale a venda")
    store.post()
    assert (store.booked()[KEY].cancelled, store.booked()[KEY].status) == (False, 100)
    assert store.stock() == -1
    store.nobody_is_asked()


@pytest.mark.parametrize("order", list(itertools.permutations(range(2))))
@pytest.mark.parametrize("offline", [False, True])
def test_a_denial_of_what_is_authorised_asks_nobody_and_takes_nothing_back(
    store: Store, order: Sequence[int], offline: bool
) -> None:
    if offline:
        store.send(OFFLINE)
    of: dict[str, int] = {"number": 36, "emission": 9} if offline else {"number": 35}
    files = [build_note(**of, protocol=True, status=302), build_note(**of, protocol=True)]  # type: ignore[arg-type]
    store.send(*[files[at] for at in order])
    assert store.state(files[0]) == ("kept", "superseded")
    assert store.services.quarantine.cures(store.document(files[0]).id) == []
    store.nobody_is_asked()


@pytest.mark.parametrize(
    ("status", "first"), [(302, 0), (302, 1), (204, 1), (225, 0), (217, 1), (539, 0), (206, 1), (101, 0)]
)
def test_of_a_note_given_up_the_refusal_alone_is_listed(tmp_path: Path, status: int, first: int) -> None:
    refused = build_note(number=35, status=status)
    with store_in(tmp_path, store=StoreSettings(authorisation_hours=0)) as store:
        store.send(*[[refused, WITHOUT_ANSWER], [WITHOUT_ANSWER, refused]][first])
        assert store.state(WITHOUT_ANSWER) == ("kept", "refused_elsewhere")
        assert store.state(refused)[0] == "rejected"
        # What the authority says afterwards still books it, be it in the note's own file or in another.
        store.send(answer(100, of=AUTHORISED))
        store.post()
        assert store.booked()[key_of(AUTHORISED)].status == 100
        assert store.stock() == -1


@pytest.mark.parametrize(("status", "first"), [(302, 0), (302, 1), (539, 0), (206, 1), (217, 0)])
def test_an_authorisation_goes_before_what_another_answer_said(store: Store, status: int, first: int) -> None:
    said = [answer(status, of=AUTHORISED), answer(100, of=AUTHORISED)]
    store.send(WITHOUT_ANSWER, said[first], said[1 - first])
    store.post()
    assert store.state(WITHOUT_ANSWER) == ("posted", None)
    assert store.booked()[key_of(AUTHORISED)].status == 100
    assert store.stock() == -1
    store.nobody_is_asked()


@pytest.mark.parametrize(
    "authorised",
    [
        OTHER_KEY,
        build_note(number=36, emission=9, protocol=True, payments=(("17", 2590),)),
    ],
    ids=["another key of the number", "the key, paid otherwise"],
)
def test_a_second_file_of_what_took_the_place_asks_nobody_again(store: Store, authorised: bytes) -> None:
    again = authorised + b"<!-- saved twice -->"
    store.send(OFFLINE, authorised, again)
    assert {state for state, _ in store.settled(authorised, again)} == {"rejected"}
    store.services.quarantine.reverse_booked(store.document(authorised).id, BOSS, reason="é a autorizada")
    store.post()
    assert store.settled(authorised, again) == [("posted", None)] * 2
    assert store.stock() == -1
    store.nobody_is_asked()


def test_an_offline_note_of_a_taken_number_is_settled_by_its_own_authorisation(store: Store) -> None:
    store.send(OTHER_KEY, OFFLINE)
    assert store.state(OFFLINE) == ("rejected", "number_taken")
    store.send(AUTHORISED_LATER)
    store.post()
    assert store.settled(OFFLINE, AUTHORISED_LATER) == [("posted", None), ("posted", "number_twice")]


@pytest.mark.parametrize("status", [204, 225, 302])
@pytest.mark.parametrize("first", [0, 1])
def test_a_refused_version_of_what_is_no_sale_is_settled_by_the_authorised_one(
    store: Store, status: int, first: int
) -> None:
    refused, kept = [build_note(number=37, items=(Line(cfop="5929"),), status=one) for one in (status, 100)]
    store.send(*[[refused, kept], [kept, refused]][first])
    assert store.settled(refused, kept) == [("kept", "settled_unbooked"), ("kept", "operation_documented")]
    store.nobody_is_asked()


@pytest.mark.parametrize(
    ("before", "asked", "others"),
    [
        ([], build_note(number=35, status=101), []),
        ([], build_note(number=35, status=206), []),
        ([build_void(first=36, last=36)], OFFLINE, []),
        ([build_void(first=36, last=36)], AUTHORISED_LATER, ["reverse_booked"]),
    ],
    ids=["cancelled", "void at the authority", "void here", "void here and authorised"],
)
def test_what_can_be_no_sale_any_more_is_kept_by_a_person(
    store: Store, before: list[bytes], asked: bytes, others: list[str]
) -> None:
    store.send(*before, asked)
    quarantine, number = store.services.quarantine, store.document(asked).id
    assert [cure.kind for cure in quarantine.cures(number)] == [*others, "keep_unbooked"]
    quarantine.keep_unbooked(number, BOSS, reason="emitida de novo")
    assert store.state(asked) == ("kept", "kept_by_person")
    assert store.booked() == {}
    store.nobody_is_asked()


def test_what_is_booked_is_not_kept_as_no_sale(store: Store) -> None:
    store.send(AUTHORISED, said := build_note(number=35, status=101))
    assert store.state(said) == ("rejected", "note_cancelled")
    assert store.services.quarantine.cures(store.document(said).id) == []
