"""Notes that the authority refused (204, 539 and their kind): settled by what was authorised, or left to a person."""

from pathlib import Path

import pytest

from tests.engines.relations_answers import AUTHORISED, SENT, SOLD, answer, lot
from tests.engines.relations_support import store_in
from tests.unit.fiscal.notes import build_note, build_void

REFUSED = build_note(number=35, status=204)


@pytest.mark.parametrize("status", [204, 217, 215, 610, 703, 297])
@pytest.mark.parametrize("first", ["refused", "authorised"])
def test_a_refused_version_is_settled_by_the_authorised_one(tmp_path: Path, status: int, first: str) -> None:
    refused = build_note(number=35, status=status)
    with store_in(tmp_path) as store:
        if first == "refused":
            store.send(refused)
            assert store.document(refused).state == "rejected"
            store.send(AUTHORISED)
        else:
            store.send(AUTHORISED)
            (receipt,) = store.drop(refused)
            assert receipt.state == "posted"
        assert store.booked() == SOLD
        assert store.stock() == -1
        assert store.state(refused) == ("kept", "superseded")
        assert store.told(refused).state == "posted"
        store.nobody_is_asked()


def test_what_was_settled_leaves_the_folder_of_rejected_files(tmp_path: Path) -> None:
    def files() -> list[Path]:
        return sorted((tmp_path / "rejeitados").rglob("*.xml"))

    with store_in(tmp_path) as store:
        store.send(REFUSED)
        assert len(files()) == 1
        store.send(AUTHORISED)
        reconciler = store.services.quarantine.reconciler
        while reconciler.scan():
            pass
        assert files() == []
        assert store.state(REFUSED) == ("kept", "superseded")


def test_a_look_up_s_answer_alone_books_what_204_held_up(tmp_path: Path) -> None:
    said = answer(root="retConsSitNFe")
    with store_in(tmp_path) as store:
        store.send(REFUSED)
        assert store.state(REFUSED) == ("rejected", "authority_has_it")
        store.send(said)
        store.post()
        assert store.booked() == SOLD
        assert store.state(REFUSED) == ("posted", None)
        store.nobody_is_asked()


@pytest.mark.parametrize("first", ["answer", "refused"])
def test_refused_note_and_authorising_answer_in_either_order(tmp_path: Path, first: str) -> None:
    with store_in(tmp_path) as store:
        store.send(*((answer(), REFUSED) if first == "answer" else (REFUSED, answer())))
        store.post()
        assert store.booked() == SOLD
        store.nobody_is_asked()


def test_539_is_settled_when_the_other_key_s_sale_of_the_same_money_is_booked(tmp_path: Path) -> None:
    refused = build_note(number=35, status=539, code="12345678")
    with store_in(tmp_path) as store:
        store.send(refused)
        assert store.state(refused) == ("rejected", "number_of_another_key")
        store.send(AUTHORISED)
        assert store.booked() == SOLD
        assert store.state(refused) == ("kept", "superseded")


@pytest.mark.parametrize("status", [539, 613])
def test_539_that_comes_behind_the_other_key_s_sale_is_settled_as_well(tmp_path: Path, status: int) -> None:
    refused = build_note(number=35, status=status, code="12345678")
    with store_in(tmp_path) as store:
        store.send(AUTHORISED, refused)
        assert store.booked() == SOLD
        assert store.state(refused) == ("kept", "superseded")
        store.nobody_is_asked()


@pytest.mark.parametrize("status", [778, 204, 206, 217])
@pytest.mark.parametrize("first", ["void", "note", "together"])
def test_a_refused_note_of_a_void_number_is_settled_in_either_order(tmp_path: Path, first: str, status: int) -> None:
    void, refused = build_void(first=30, last=40), build_note(number=35, status=status)
    with store_in(tmp_path) as store:
        if first == "together":
            store.drop(void, refused)
            store.post()
        else:
            store.send(*((void, refused) if first == "void" else (refused, void)))
        assert store.booked() == {}
        assert store.state(refused) == ("kept", "number_voided")
        store.nobody_is_asked()


def test_a_refusal_in_a_file_of_its_own_is_settled_where_the_number_is_void(tmp_path: Path) -> None:
    void, said, note = build_void(first=35, last=35), answer(217), lot(SENT)
    with store_in(tmp_path) as store:
        store.send(void, said, note)
        store.post()
        assert store.state(note) == ("kept", "number_voided")
        assert store.booked() == {}
        store.nobody_is_asked()


def test_a_refused_note_beside_the_void_numbers_stays_a_persons_matter(tmp_path: Path) -> None:
    void, refused = build_void(first=36, last=40), build_note(number=35, status=778)
    with store_in(tmp_path) as store:
        store.send(void, refused)
        assert store.state(refused) == ("rejected", "protocol_status")


def test_539_of_other_money_stays_a_persons_matter(tmp_path: Path) -> None:
    refused = build_note(number=35, status=539, code="12345678", total=2591)
    with store_in(tmp_path) as store:
        store.send(refused, AUTHORISED)
        assert store.state(refused) == ("rejected", "number_of_another_key")


@pytest.mark.parametrize("first", ["note", "answer"])
def test_a_refusing_answer_in_its_own_file_refuses_the_note_that_waits(tmp_path: Path, first: str) -> None:
    note, said = lot(SENT), answer(204)
    with store_in(tmp_path) as store:
        store.send(*((note, said) if first == "note" else (said, note)))
        store.post()
        assert store.booked() == {}
        assert store.state(note) == ("rejected", "authority_has_it")
        store.send(AUTHORISED)
        assert store.booked() == SOLD
        assert store.state(note) == ("kept", "superseded")


def test_a_refusal_of_what_is_authorised_says_nothing_new(tmp_path: Path) -> None:
    again = answer(204)
    with store_in(tmp_path) as store:
        store.send(AUTHORISED, again)
        assert store.state(again) == ("kept", "answer_known")
        store.nobody_is_asked()


@pytest.mark.parametrize(("status", "code"), [(301, "denied"), (215, "answer_schema"), (204, "authority_has_it")])
def test_a_refusal_of_an_offline_sale_that_is_booked_is_told(tmp_path: Path, status: int, code: str) -> None:
    offline = build_note(number=36, emission=9)
    whole = build_note(number=36, emission=9, protocol=True)
    said = answer(status, of=whole)
    with store_in(tmp_path) as store:
        store.send(offline, said)
        assert len(store.booked()) == 1
        assert store.state(said) == ("rejected", code)
        if status != 301:
            store.send(whole)
            assert store.state(said) == ("kept", "superseded")
