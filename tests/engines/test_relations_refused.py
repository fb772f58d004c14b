"""A note that brings a refusal of the authority along, and an authorising answer that comes alone, in either order and
across a restart: what each answer means for the sale."""

import re
from pathlib import Path

import pytest

from malote.accounts.audit import Actor
from malote.config import StoreSettings
from tests.engines.relations_answers import AUTHORISED, SOLD, answer
from tests.engines.relations_support import Store, store_in
from tests.unit.fiscal.notes import build_note
from tests.unit.fiscal.support import signed_anew

LOOK_UP = answer(root="retConsSitNFe")


def sent_apart(home: Path, contents: list[bytes]) -> None:
    """Each file to a server that was started anew."""
    for one in contents:
        with store_in(home) as store:
            store.send(one)


def refused(status: int) -> bytes:
    return build_note(number=35, status=status)


def _asked(store: Store) -> list[str]:
    return sorted(one.reason.code for one in store.documents() if one.state == "rejected" and one.reason)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("status", [204, 539, 241, 220])
def test_what_is_no_last_word_is_overruled_by_the_look_up(tmp_path: Path, status: int, first: int) -> None:
    files = [refused(status), LOOK_UP]
    sent_apart(tmp_path, [files[first], files[1 - first]])
    with store_in(tmp_path) as store:
        store.post()
        assert store.booked() == SOLD
        assert store.stock() == -1
        assert store.state(files[0]) == ("posted", None)
        store.nobody_is_asked()


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize(
    ("status", "code"),
    [(302, "denied"), (205, "denied"), (206, "number_void_at_authority"), (256, "number_void_at_authority")],
)
def test_a_denied_note_is_no_sale_by_a_look_up_alone(tmp_path: Path, status: int, code: str, first: int) -> None:
    files = [refused(status), LOOK_UP]
    sent_apart(tmp_path, [files[first], files[1 - first]])
    with store_in(tmp_path) as store:
        store.post()
        assert store.booked() == {}
        assert store.settled(*files) == [("rejected", code), ("rejected", "answers_contradict")]
        store.send(AUTHORISED)  # the note and its protocol in one file prove it
        assert store.booked() == SOLD
        assert store.settled(*files) == [("kept", "superseded"), ("kept", "superseded")]
        store.nobody_is_asked()


def test_the_answer_is_moot_once_a_person_keeps_the_denied_note(tmp_path: Path) -> None:
    note = refused(302)
    with store_in(tmp_path) as store:
        store.send(note, LOOK_UP)
        store.services.quarantine.keep_unbooked(store.document(note).id, Actor("ana"), reason="devolvida")
        assert store.settled(note, LOOK_UP) == [("kept", "kept_by_person"), ("kept", "answer_moot")]
        store.nobody_is_asked()


def test_the_note_as_it_was_sent_is_booked_by_the_look_up_whatever_another_file_says(tmp_path: Path) -> None:
    sent = build_note(number=35, protocol=False)
    with store_in(tmp_path) as store:
        store.send(refused(302), LOOK_UP, sent)
        store.post()
        assert store.booked() == SOLD
        store.nobody_is_asked()


@pytest.mark.parametrize("status", [204, 539])
def test_an_answer_that_was_given_up_is_taken_up_by_the_note(tmp_path: Path, status: int) -> None:
    with store_in(tmp_path, store=StoreSettings(sale_hours=0)) as store:
        store.send(LOOK_UP)
        assert store.state(LOOK_UP) == ("rejected", "answer_without_note")
        store.send(refused(status))
        store.post()
        assert store.booked() == SOLD
        store.nobody_is_asked()


@pytest.mark.parametrize("status", [206, 539, 241])
@pytest.mark.parametrize("first", [0, 1])
def test_a_refused_file_is_settled_by_the_authorised_one_of_its_key(tmp_path: Path, status: int, first: int) -> None:
    files = [refused(status), AUTHORISED]
    with store_in(tmp_path) as store:
        store.send(files[first], files[1 - first])
        assert store.booked() == SOLD
        assert store.state(files[0]) == ("kept", "superseded")
        store.nobody_is_asked()


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("status", [204, 539])
def test_a_look_up_about_another_version_asks_for_the_authorised_xml(tmp_path: Path, status: int, first: int) -> None:
    note = signed_anew(refused(status).decode()).encode()
    other = re.sub("<digVal>[^<]*", "<digVal>" + "A" * 27 + "=", LOOK_UP.decode()).encode()
    with store_in(tmp_path) as store:
        store.send(*((note, other) if first == 0 else (other, note)))
        store.post()
        assert store.booked() == {}
        assert _asked(store) == ["digest_disagrees"]
        store.send(AUTHORISED)
        assert store.booked() == SOLD
        store.nobody_is_asked()
