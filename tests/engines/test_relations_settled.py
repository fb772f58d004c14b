"""What is settled by another document, whichever of them comes first; and what a person is asked, and can do."""

import itertools
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from malote.accounts import audit
from malote.accounts.audit import Actor, entries
from malote.books.numbering import NumbersQuery, SeriesKey, numbers
from malote.config import StoreSettings
from malote.quarantine.quarantine_reports import QuarantineError
from malote.register import till_documents
from tests.engines.relations_answers import answer, lot
from tests.engines.relations_support import Store, store_in
from tests.unit.fiscal.notes import ISSUER, Line, build_cancellation, build_note, build_void, key_of

BOSS = Actor("ana", "127.0.0.1")
SOLD = build_note(number=35)
SENT = lot(build_note(number=35, protocol=False))  # what a POS saves before the answer
KEY = key_of(SOLD)
OFFLINE = build_note(number=36, emission=9)
OFFLINE_KEY = key_of(OFFLINE)
AUTHORISED_LATER = build_note(number=36, emission=9, protocol=True)
OTHER_KEY = build_note(number=35, code="99999999")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with store_in(tmp_path) as opened:
        yield opened


def in_order(files: Sequence[bytes], first: int) -> list[bytes]:
    """Rotated, so that each comes first once."""
    return [*files[first:], *files[:first]]


# ---- voids that the authority refused ----


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("last", [35, 40])
def test_a_void_refused_for_a_used_number_is_settled_by_the_sale_of_it(store: Store, first: int, last: int) -> None:
    refused = build_void(first=35, last=last, status=241)
    store.send(*in_order([refused, SOLD], first))
    assert store.state(refused) == ("kept", "number_used_booked")
    assert list(store.booked()) == [KEY]
    store.nobody_is_asked()
    # No number is void by what was refused.
    key = SeriesKey(ISSUER, "65", 1)
    assert numbers(store.services.engine, NumbersQuery(key)).voided == []


def test_a_void_refused_for_a_used_number_waits_for_its_authorised_sale(store: Store) -> None:
    refused = build_void(first=36, last=36, status=241)
    store.send(OFFLINE, refused)
    assert store.state(refused) == ("rejected", "number_used")
    store.send(AUTHORISED_LATER)
    assert store.state(refused) == ("kept", "number_used_booked")


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_refused_void_is_settled_once_all_its_numbers_are_accounted_for(store: Store, order: Sequence[int]) -> None:
    files = [build_void(first=34, last=36, status=256), build_void(first=34, last=34), build_void(first=36, last=36)]
    store.send(*(files[place] for place in order))
    assert store.state(files[0]) == ("rejected", "void_refused")
    store.send(SOLD)
    assert store.state(files[0]) == ("kept", "void_needless")
    store.nobody_is_asked()


# ---- files that were cut short ----


LOST_START = b"\0" * 512 + SOLD[512:]
WIDE = SOLD.split(b"?>", 1)[1].decode().encode("utf-16")


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("cut", [SOLD[:2500], SOLD[:-300], SOLD[:3000] + b"\0" * 500, LOST_START, WIDE[:5001]])
def test_a_fragment_is_settled_by_the_whole_note(store: Store, first: int, cut: bytes) -> None:
    store.send(*in_order([cut, SOLD], first))
    assert store.state(cut) == ("kept", "superseded")
    store.nobody_is_asked()


def test_a_fragment_is_settled_by_nothing_less_than_the_whole_of_itself(store: Store) -> None:
    """Not by its note without the protocol that it may have held; nor one of what is about a note by that note."""
    cut, cancellation = AUTHORISED_LATER[:-100], build_cancellation(KEY)[:-200]
    two = b"<lote>" + SOLD.split(b"?>", 1)[1] + OTHER_KEY.split(b"?>", 1)[1][:2500]
    store.send(OFFLINE, cut, SOLD, cancellation, SOLD[:200], OTHER_KEY[:2500], two)
    assert [store.state(one)[0] for one in (cut, cancellation, SOLD[:200], OTHER_KEY[:2500], two)] == ["rejected"] * 5
    store.send(AUTHORISED_LATER)
    assert store.state(cut) == ("kept", "superseded")


# ---- notes that never got their authorisation ----


@pytest.mark.parametrize("first", [0, 1])
def test_a_note_given_up_is_settled_by_the_other_key_of_its_number(tmp_path: Path, first: int) -> None:
    with store_in(tmp_path, store=StoreSettings(authorisation_hours=0)) as store:
        store.send(*in_order([SENT, OTHER_KEY], first))
        assert store.state(SENT) == ("kept", "number_settled")
        reason = store.document(SENT).reason
        assert reason is not None
        assert reason.facts["other"] == key_of(OTHER_KEY)
        assert list(store.booked()) == [key_of(OTHER_KEY)]
        store.nobody_is_asked()


@pytest.mark.parametrize("hours", [0, 24], ids=["given up", "waiting"])
@pytest.mark.parametrize("event", ["110111", "110112"])
@pytest.mark.parametrize("first", [0, 1])
def test_a_note_that_is_cancelled_before_it_was_authorised_here_asks_nobody(
    tmp_path: Path, event: str, first: int, hours: int
) -> None:
    cancelled = build_cancellation(KEY, event=event, substitute=OFFLINE_KEY if event == "110112" else "")
    with store_in(tmp_path, store=StoreSettings(authorisation_hours=hours)) as store:
        store.send(*in_order([SENT, cancelled], first))
        store.post()
        assert store.settled(SENT, cancelled) == [("kept", "cancelled_unbooked"), ("kept", "cancels_no_sale")]
        assert store.booked() == {}
        store.nobody_is_asked()
        store.send(SOLD)
        store.post()
        assert store.booked()[KEY].cancelled
        assert store.stock() == 0
        assert store.state(cancelled) == ("posted", None)
        store.nobody_is_asked()


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_cancellation_of_what_another_key_settled_asks_nobody(tmp_path: Path, order: Sequence[int]) -> None:
    """Whatever its note is kept for, nothing of it is booked."""
    cancelled = build_cancellation(KEY)
    files = [SENT, OTHER_KEY, cancelled]
    with store_in(tmp_path, store=StoreSettings(authorisation_hours=0)) as store:
        store.send(*(files[place] for place in order))
        assert store.state(SENT)[0] == "kept"
        assert store.state(cancelled) == ("kept", "cancels_no_sale")
        assert list(store.booked()) == [key_of(OTHER_KEY)]
        store.nobody_is_asked()


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_an_offline_note_of_a_taken_number_asks_nobody_once_it_is_cancelled(store: Store, order: Sequence[int]) -> None:
    """Its number is authorised under another key: booked before that or never, it counts no more."""
    taker = build_note(number=36, code="99999998")
    files = [OFFLINE, taker, build_cancellation(OFFLINE_KEY)]
    store.send(*(files[place] for place in order))
    store.post()
    assert [key for key, one in store.booked().items() if not one.cancelled] == [key_of(taker)]
    assert store.stock() == -1
    store.nobody_is_asked()


@pytest.mark.parametrize("first", [0, 1])
def test_a_note_refused_as_a_duplicate_and_cancelled_asks_nobody(store: Store, first: int) -> None:
    refused, cancelled = build_note(number=35, status=204), build_cancellation(KEY)
    store.send(*in_order([refused, cancelled], first))
    store.post()
    assert store.settled(refused, cancelled) == [("kept", "cancelled_unbooked"), ("kept", "cancels_no_sale")]
    store.nobody_is_asked()


@pytest.mark.parametrize("first", [0, 1, 2])
def test_a_refused_cancellation_of_what_is_cancelled_asks_nobody(store: Store, first: int) -> None:
    refused, cancelled = build_cancellation(KEY, status=501), build_cancellation(KEY)
    store.send(*in_order([refused, SOLD, cancelled], first))
    store.post()
    assert store.state(refused) == ("kept", "cancelled_otherwise")
    assert store.booked()[KEY].cancelled
    store.nobody_is_asked()


# ---- numbers ----


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_two_authorised_keys_of_a_number_are_no_pair_once_one_is_cancelled(store: Store, order: Sequence[int]) -> None:
    files = [SOLD, OTHER_KEY, build_cancellation(key_of(OTHER_KEY))]
    store.send(*(files[place] for place in order))
    store.post()
    assert {key: one.cancelled for key, one in store.booked().items()} == {KEY: False, key_of(OTHER_KEY): True}
    assert store.stock() == -1
    store.nobody_is_asked()


def test_a_void_of_a_sale_that_gets_its_protocol_is_told_as_of_an_authorised_one(store: Store) -> None:
    void = build_void(first=30, last=40)
    store.send(OFFLINE, void)
    assert store.state(void) == ("posted", "void_of_booked")
    store.send(AUTHORISED_LATER)
    store.post()
    assert store.state(void) == ("posted", "void_of_authorised")


# ---- denied ----


def denied(form: str, status: int) -> bytes:
    if form == "answer":
        return answer(status, of=AUTHORISED_LATER)
    return build_note(number=36, emission=9, protocol=True, status=status)


@pytest.mark.parametrize(("form", "status"), [("answer", 301), ("note", 302), ("answer", 110)])
@pytest.mark.parametrize("first", [0, 1])
def test_a_booked_offline_sale_that_is_denied_is_reversed_by_a_person(
    store: Store, form: str, status: int, first: int
) -> None:
    said = denied(form, status)
    store.send(*in_order([OFFLINE, said], first))
    assert store.settled(OFFLINE, said) == [("posted", None), ("rejected", "denied")]
    asked = store.document(said).id
    quarantine = store.services.quarantine
    assert [cure.kind for cure in quarantine.cures(asked)] == ["reverse_booked"]
    with pytest.raises(QuarantineError):
        quarantine.keep_unbooked(asked, BOSS, reason="fica assim")
    quarantine.reverse_booked(asked, BOSS, reason="denegada")
    store.post()
    assert store.settled(OFFLINE, said) == [("kept", "taken_back"), ("kept", "answer_moot")]
    assert [one.cancelled for one in store.booked().values()] == [True]
    assert store.stock() == 0
    assert till_documents.overdue(store.services.engine, now=store.services.spool.clock()) == []
    store.nobody_is_asked()
    assert "reversal_ordered" in [entry.action for entry in entries(store.services.engine)]


def test_a_denied_sale_that_is_authorised_meanwhile_stays(store: Store) -> None:
    said = denied("answer", 301)
    store.send(OFFLINE, said)
    store.services.quarantine.reverse_booked(store.document(said).id, BOSS, reason="denegada")
    store.send(AUTHORISED_LATER)
    assert [(one.cancelled, one.status) for one in store.booked().values()] == [(False, 100)]
    assert store.stock() == -1
    store.nobody_is_asked()


def test_a_denied_note_that_was_never_booked_is_kept_by_a_person(store: Store) -> None:
    said = build_note(number=35, status=301)
    store.send(said)
    quarantine, asked = store.services.quarantine, store.document(said).id
    assert [cure.kind for cure in quarantine.cures(asked)] == ["keep_unbooked"]
    quarantine.keep_unbooked(asked, BOSS, reason="mercadoria devolvida")
    assert store.state(said) == ("kept", "kept_by_person")


def test_what_was_answered_about_a_sale_taken_back_is_settled_with_it(store: Store) -> None:
    said, other = answer(539, of=AUTHORISED_LATER), build_note(number=36, code="99999999")
    store.send(OFFLINE, said, other)
    assert store.settled(said, other) == [("rejected", "number_of_another_key"), ("rejected", "number_supersedes")]
    store.services.quarantine.reverse_booked(store.document(other).id, BOSS, reason="é a autorizada")
    store.post()
    assert store.settled(OFFLINE, said, other) == [("kept", "taken_back"), ("kept", "answer_moot"), ("posted", None)]
    store.nobody_is_asked()


# ---- a sale, by a person's word ----


@pytest.mark.parametrize(
    ("cfops", "payment", "total"),
    [(("5949",), "90", Decimal("25.90")), (("5152",), "01", Decimal("25.90")), (("5949",), "01", Decimal("25.90")),
     (("5102", "5152"), "01", Decimal("51.80"))],
)  # fmt: skip
def test_a_person_books_what_the_codes_say_is_none(
    store: Store, cfops: tuple[str, ...], payment: str, total: Decimal
) -> None:
    whole = sum(Line().net for _ in cfops)
    note = build_note(
        number=70,
        model="55",
        items=[Line(cfop=cfop) for cfop in cfops],
        payments=[(payment, 0 if payment == "90" else whole)],
    )
    store.send(note)
    quarantine, asked = store.services.quarantine, store.document(note).id
    assert "book_sale" in [cure.kind for cure in quarantine.cures(asked)]
    with pytest.raises(QuarantineError, match="reason_needed"):
        quarantine.book_sale(asked, BOSS, reason=" ")
    report = quarantine.book_sale(asked, BOSS, reason="venda com o código errado")
    assert report.replay.replayed == [asked]
    store.post()
    assert store.state(note) == ("posted", None)
    assert [one.total for one in store.booked().values()] == [total]
    assert store.stock() == -len(cfops)
    assert "sale_judged" in [entry.action for entry in entries(store.services.engine)]
    assert "judged_sale" in [one.what for one in quarantine.history(asked)]
    store.nobody_is_asked()


def test_what_else_is_against_it_is_told_and_it_stays_kept(store: Store) -> None:
    note = build_note(number=70, total=9999, items=[Line(cfop="5152")])
    store.send(note)
    quarantine, asked = store.services.quarantine, store.document(note).id
    report = quarantine.book_sale(asked, BOSS, reason="é venda")
    assert [one.code for one in report.replay.refused] == ["items_sum"]
    assert store.state(note) == ("kept", "operation_transfer")
    assert store.booked() == {}


def test_what_a_person_kept_a_person_books_and_its_cancellation_follows(store: Store) -> None:
    note = build_note(number=70, items=[Line(cfop="5949")])
    store.send(note)
    quarantine, asked = store.services.quarantine, store.document(note).id
    quarantine.keep_unbooked(asked, BOSS, reason="não é venda")
    assert audit.entries(store.services.engine, limit=1)[0].action == "kept_unbooked"
    cancelled = build_cancellation(key_of(note))
    store.send(cancelled)
    assert store.settled(note, cancelled) == [("kept", "kept_by_person"), ("kept", "cancels_no_sale")]
    store.nobody_is_asked()
    quarantine.book_sale(asked, BOSS, reason="era venda")
    store.post()
    assert store.settled(note, cancelled) == [("posted", None), ("posted", None)]
    assert [one.cancelled for one in store.booked().values()] == [True]
    assert store.stock() == 0


@pytest.mark.parametrize("changes", [{"purpose": 4}, {"direction": 0}])
def test_goods_that_come_back_are_nobodys_sale(store: Store, changes: dict[str, int]) -> None:
    note = build_note(number=70, model="55", **changes)  # type: ignore[arg-type]
    store.send(note)
    quarantine, asked = store.services.quarantine, store.document(note).id
    assert quarantine.cures(asked) == []
    with pytest.raises(QuarantineError, match="cure_unfit"):
        quarantine.book_sale(asked, BOSS, reason="é venda")


def test_of_a_mixed_note_the_sale_alone_is_booked_where_the_rest_is_in_no_sum(store: Store) -> None:
    note = build_note(number=70, items=[Line(), Line("9", "VASILHAME", quantity="2.0000", cfop="5920", in_total=False)])
    store.send(note)
    assert store.state(note) == ("posted", None)
    assert [one.total for one in store.booked().values()] == [Decimal("25.90")]
    assert store.stock() == -1
