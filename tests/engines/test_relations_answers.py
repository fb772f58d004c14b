"""A note and the authority's answer in two files, in every order, from whatever till, with restarts in between."""

import itertools
import re
from decimal import Decimal
from pathlib import Path

import pytest

from malote.accounts.audit import Actor
from malote.config import StoreSettings
from malote.quarantine.quarantine_reports import Selection
from tests.engines.relations_answers import AUTHORISED, KEY, NUMBER, SENT, SOLD, answer, lot
from tests.engines.relations_support import Booked, store_in
from tests.unit.fiscal.notes import NAMESPACE, build_cancellation, build_note, key_of
from tests.unit.fiscal.support import signed_anew


@pytest.mark.parametrize("tills", [("caixa1", "caixa1"), ("caixa1", "caixa2")])
@pytest.mark.parametrize("first", ["note", "answer", "together"])
@pytest.mark.parametrize("status", [100, 150, 120])
def test_they_are_joined_by_key_in_either_order(
    tmp_path: Path, tills: tuple[str, str], first: str, status: int
) -> None:
    note, said = lot(SENT), answer(status)
    with store_in(tmp_path) as store:
        if first == "note":
            store.send(note, till=tills[0])
            assert store.state(note) == ("waiting", "not_authorised_yet")
            store.send(said, till=tills[1])
        elif first == "answer":
            store.send(said, till=tills[1])
            assert store.state(said) == ("waiting", "note_not_here")
            store.send(note, till=tills[0])
        else:
            store.drop(said, till=tills[1])
            store.drop(note, till=tills[0])
        store.post()
        assert store.booked() == {KEY: Booked(Decimal("25.90"), NUMBER, status, False)}
        assert store.stock() == -1
        assert store.state(note) == ("posted", None)
        assert store.document(note).authorised
        assert store.state(said) in (("kept", "answer_known"), ("kept", "answer_joined"))
        assert store.told(said, tills[1]).state == "posted"
        store.nobody_is_asked()


def test_they_are_joined_across_a_restart_and_once(tmp_path: Path) -> None:
    note, said = lot(SENT), answer()
    with store_in(tmp_path) as store:
        store.send(note)
    with store_in(tmp_path) as store:
        store.drop(said)
    with store_in(tmp_path) as store:
        store.post()
        store.send(note, said)
        assert store.booked() == SOLD
        assert store.stock() == -1


def test_booked_and_not_settled_before_the_machine_died(tmp_path: Path) -> None:
    note, said = lot(SENT), answer()
    with store_in(tmp_path) as store:
        store.drop(note, said)
        # What a poster does up to the ERP's commit; then the machine dies, and the lease runs out.
        held = store.services.spool.lease("dead", 10, 0.0)
        booked, refused = store.poster._joiner.join(held)
        batch, _ = store.poster._prepared(booked)
        store.poster._book(batch)
        assert refused == []
        assert store.booked() == SOLD
        store.post()
        assert store.booked() == SOLD
        assert store.stock() == -1
        assert store.state(note) == ("posted", None)
        assert not store.document(note).duplicate
        store.nobody_is_asked()


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_several_answers_about_one_note(tmp_path: Path, order: tuple[int, ...]) -> None:
    files = [lot(SENT), answer(103), answer(105), answer(100)]
    with store_in(tmp_path) as store:
        store.send(*(files[place] for place in order))
        assert store.booked() == SOLD
        assert store.state(files[1]) == store.state(files[2]) == ("kept", "answer_processing")
        store.nobody_is_asked()


@pytest.mark.parametrize("first", ["note", "answer"])
def test_an_offline_sale_gets_its_protocol_from_the_answer(tmp_path: Path, first: str) -> None:
    offline = build_note(number=36, emission=9)
    said = answer(of=build_note(number=36, emission=9, protocol=True))
    with store_in(tmp_path) as store:
        store.send(*((offline, said) if first == "note" else (said, offline)))
        store.post()
        assert store.booked() == {key_of(offline): Booked(Decimal("25.90"), NUMBER, 100, False)}
        assert store.stock() == -1
        assert store.document(offline).authorised
        store.nobody_is_asked()


@pytest.mark.parametrize("status", [100, 217, 302])
@pytest.mark.parametrize("first", ["note", "answer"])
def test_the_test_environment_says_nothing_of_a_note_of_production(tmp_path: Path, status: int, first: str) -> None:
    note, strange = lot(SENT), answer(status).replace(b"<tpAmb>1", b"<tpAmb>2")
    with store_in(tmp_path) as store:
        store.send(*((note, strange) if first == "note" else (strange, note)))
        assert store.booked() == {}
        assert store.state(note) == ("waiting", "not_authorised_yet")
        assert store.state(strange) == ("rejected", "test_environment")
        store.send(answer())
        assert store.booked() == SOLD


def test_an_answer_whose_note_never_comes_is_told_and_settled_by_the_note(tmp_path: Path) -> None:
    said, note = answer(), lot(SENT)
    with store_in(tmp_path, store=StoreSettings(sale_hours=0)) as store:
        store.send(said)
        assert store.state(said) == ("rejected", "answer_without_note")
        store.send(note)
        assert store.booked() == SOLD
        assert store.state(said) == ("kept", "superseded")
        store.nobody_is_asked()


def test_a_note_given_up_before_its_answer_came_is_booked_with_it(tmp_path: Path) -> None:
    note, said = lot(SENT), answer()
    with store_in(tmp_path, store=StoreSettings(authorisation_hours=0)) as store:
        store.send(note)
        assert store.state(note) == ("rejected", "never_authorised")
        store.send(said)
        store.post()
        assert store.booked() == SOLD
        assert store.state(note) == ("posted", None)
        store.nobody_is_asked()


# ---- look-ups that hold a cancellation ----


def look_up(status: int = 100) -> bytes:
    event = build_cancellation(KEY).decode()
    inner = event[event.index("<procEventoNFe") :]
    text = answer(status).decode()
    said = text[text.index("<protNFe") : text.index("</protNFe>") + 10]
    return f'<retConsSitNFe xmlns="{NAMESPACE}"><cStat>101</cStat>{said}{inner}</retConsSitNFe>'.encode()


@pytest.mark.parametrize("status", [100, 101])
@pytest.mark.parametrize("first", ["sale", "look_up"])
def test_a_look_up_with_a_cancellation_cancels_and_rejects_nothing(tmp_path: Path, status: int, first: str) -> None:
    found = look_up(status)
    with store_in(tmp_path) as store:
        store.send(*((AUTHORISED, found) if first == "sale" else (found, AUTHORISED)))
        store.post()
        assert store.booked() == {KEY: Booked(Decimal("25.90"), NUMBER, 100, True)}
        assert store.stock() == 0
        store.nobody_is_asked()
        assert store.told(found).state == "posted"


def test_an_answer_that_a_note_is_cancelled_waits_for_nobody_once_it_is(tmp_path: Path) -> None:
    said, event = answer(101), build_cancellation(KEY)
    with store_in(tmp_path) as store:
        store.send(AUTHORISED, said)
        assert store.state(said) == ("rejected", "note_cancelled")
        store.send(event)
        assert store.state(said) == ("kept", "superseded")
        store.nobody_is_asked()


def test_a_cancellation_that_was_registered_before_cancels(tmp_path: Path) -> None:
    event = build_cancellation(KEY, status=573)
    with store_in(tmp_path) as store:
        store.send(AUTHORISED, event)
        assert store.booked()[KEY].cancelled
        assert store.stock() == 0


# ---- an answer that is about another version ----


def truly_signed(emission: int = 1) -> bytes:
    """What a POS saves before the answer, with the digest of its content."""
    return lot(signed_anew(build_note(number=35, emission=emission, protocol=False).decode()).encode())


def answer_to(note: bytes, *, another: bool) -> bytes:
    """An authorisation that repeats the digest of this note, or of what it was before somebody changed it."""
    signed = re.search("<DigestValue>([^<]*)", note.decode())
    assert signed
    digest = "A" * 27 + "=" if another else signed[1]
    said = answer(of=build_note(number=35, emission=int(key_of(note)[34]), protocol=True)).decode()
    return re.sub("<digVal>[^<]*", f"<digVal>{digest}", said).encode()


@pytest.mark.parametrize("first", [0, 1])
def test_a_note_that_was_changed_is_not_joined_with_the_answer_to_the_first_version(tmp_path: Path, first: int) -> None:
    note = truly_signed()
    files = [note, answer_to(note, another=True)]
    with store_in(tmp_path) as store:
        store.send(files[first], files[1 - first])
        store.post()
        assert store.booked() == {}
        assert store.settled(*files) == [("rejected", "digest_disagrees"), ("kept", "answer_joined")]
        quarantine, asked = store.services.quarantine, store.document(note).id
        assert [cure.kind for cure in quarantine.cures(asked)] == ["accept_difference"]
        quarantine.accept_difference(Selection((asked,)), Actor("ana"), reason="só a assinatura foi refeita")
        store.post()
        assert store.booked() == {key_of(note): Booked(Decimal("25.90"), NUMBER, 100, False)}


@pytest.mark.parametrize("first", [0, 1])
def test_a_booked_offline_sale_gets_no_protocol_of_another_version(tmp_path: Path, first: int) -> None:
    note = truly_signed(9)
    files = [note, answer_to(note, another=True)]
    with store_in(tmp_path) as store:
        store.send(files[first], files[1 - first])
        store.post()
        assert store.booked() == {key_of(note): Booked(Decimal("25.90"), None, None, False)}
        assert store.state(files[1]) == ("rejected", "digest_disagrees")
        store.send(build_note(number=35, emission=9, protocol=True))
        assert store.booked()[key_of(note)].status == 100
        store.nobody_is_asked()


@pytest.mark.parametrize("emission", [1, 9])
def test_the_answer_to_this_very_note_is_joined(tmp_path: Path, emission: int) -> None:
    note = truly_signed(emission)
    with store_in(tmp_path) as store:
        store.send(note, answer_to(note, another=False))
        store.post()
        assert store.booked()[key_of(note)].status == 100
        store.nobody_is_asked()


def test_a_mended_file_after_its_answer_came_alone_may_take_the_place_of_the_offline_one(tmp_path: Path) -> None:
    """Without a signature that holds nobody can tell which of the two was answered: a person says so."""
    offline = build_note(number=36, emission=9)
    sent = build_note(number=36, emission=9, protocol=True).replace(b"<NCM>10063021<", b"<NCM>10063011<")
    with store_in(tmp_path) as store:
        store.send(offline, answer(of=sent), sent)
        assert store.state(sent) == ("rejected", "corrected_sale")
        quarantine, asked = store.services.quarantine, store.document(sent).id
        assert "reverse_booked" in [cure.kind for cure in quarantine.cures(asked)]
        quarantine.reverse_booked(asked, Actor("ana"), reason="foi esta a enviada")
        store.post()
        assert store.booked() == {key_of(offline): Booked(Decimal("25.90"), NUMBER, 100, False)}
        assert store.stock() == -1
        store.nobody_is_asked()


def test_a_sale_that_its_authorised_version_completed_is_as_it_should_be(tmp_path: Path) -> None:
    offline = build_note(number=36, emission=9)
    sent = build_note(number=36, emission=9, protocol=True).replace(b"<NCM>10063021<", b"<NCM>10063011<")
    with store_in(tmp_path) as store:
        store.send(offline, sent)
        assert store.booked() == {key_of(offline): Booked(Decimal("25.90"), NUMBER, 100, False)}
        store.nobody_is_asked()
