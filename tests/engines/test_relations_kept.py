"""What is no sale is kept: by itself, without revenue and without stock, and the till is freed of it."""

from decimal import Decimal
from pathlib import Path

import pytest

from malote.accounts.audit import Actor
from malote.config import StoreSettings
from malote.quarantine.quarantine_reports import Selection
from malote.register import contents, till_documents
from malote.register.relations import beside
from malote.spool import retention
from tests.engines.relations_support import Store, store_in
from tests.unit.fiscal.notes import Line, build_cancellation, build_note, key_of

UNPAID = (("90", 0),)
NFCE = build_note(number=43)
KEY = key_of(NFCE)


def invoice(number: int, cfop: str, *references: str, **changes: object) -> bytes:
    given: dict[str, object] = {"model": "55", "payments": UNPAID, "items": [Line(cfop=cfop)]} | changes
    return build_note(number=number, references=references, **given)  # type: ignore[arg-type]


def nothing_but_the_receipt(store: Store) -> None:
    assert {key: one.total for key, one in store.booked().items()} == {KEY: Decimal("25.90")}
    assert store.stock() == -1


@pytest.mark.parametrize("cfop", ["5929", "6929"])
@pytest.mark.parametrize("till", ["caixa1", "caixa2"])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_note_over_a_receipt_is_no_second_sale(tmp_path: Path, cfop: str, till: str, reverse: bool) -> None:
    note = invoice(900, cfop, KEY)
    with store_in(tmp_path) as store:
        if reverse:
            store.send(note, till=till)
        store.send(NFCE)
        store.send(note, till=till)
        nothing_but_the_receipt(store)
        assert store.state(note) == ("kept", "operation_documented")
        reason = store.document(note).reason
        assert reason is not None
        assert (reason.facts["cfop"], reason.facts["refers"]) == (cfop, KEY)
        receipt = store.told(note, till)
        assert receipt.state == "posted"
        assert [(one.state, one.code) for one in receipt.documents] == [("kept", "operation_documented")]
        (status,) = [
            one
            for one in till_documents.status(store.services.engine, now=store.services.spool.clock())
            if one.till == till
        ]
        assert (status.kept, status.kept_reasons) == (1, {"operation_documented": 1})
        assert (status.rejected, status.waiting) == (0, 0)


def test_the_stations_monthly_note_over_many_receipts(tmp_path: Path) -> None:
    receipts = [build_note(number=number, items=[Line(cfop="5656")]) for number in range(1, 31)]
    note = invoice(901, "5929", *map(key_of, receipts), items=[Line(cfop="5929", quantity="30.0000")])
    with store_in(tmp_path) as store:
        store.drop(*receipts[:20], note, *receipts[20:])
        store.post()
        assert len(store.booked()) == 30
        assert store.stock() == -30
        assert store.state(note) == ("kept", "operation_documented")


@pytest.mark.parametrize(
    ("cfop", "code"),
    [("5152", "transfer"), ("5409", "transfer"), ("6152", "transfer"), ("5910", "gift"), ("5927", "waste"),
     ("5202", "return"), ("5915", "remittance"), ("1102", "purchase"), ("5949", "other")],
)  # fmt: skip
def test_goods_that_move_without_being_sold(tmp_path: Path, cfop: str, code: str) -> None:
    note = invoice(902, cfop)
    with store_in(tmp_path) as store:
        store.send(NFCE, note)
        nothing_but_the_receipt(store)
        assert store.state(note) == ("kept", f"operation_{code}")


@pytest.mark.parametrize("changes", [{"purpose": 4}, {"purpose": 4, "direction": 0}, {"direction": 0}])
def test_returns_are_kept(tmp_path: Path, changes: dict[str, int]) -> None:
    note = invoice(903, "1202", KEY, **changes)
    with store_in(tmp_path) as store:
        store.send(NFCE, note)
        nothing_but_the_receipt(store)
        assert store.document(note).state == "kept"
        assert store.told(note).state == "posted"


def test_a_sale_and_a_documented_one_in_one_note_wait_for_a_person(tmp_path: Path) -> None:
    note = invoice(904, "5929", KEY, items=[Line(), Line(cfop="5929")])
    with store_in(tmp_path) as store:
        store.send(NFCE, note)
        nothing_but_the_receipt(store)
        assert store.state(note) == ("rejected", "operations_split")
        assert store.told(note).state == "rejected"


def test_the_stores_settings_make_a_code_a_sale(tmp_path: Path) -> None:
    note = invoice(905, "5949")
    with store_in(tmp_path, operations={"5949": "sale"}) as store:
        store.send(note)
        assert store.booked()[key_of(note)].total == Decimal("25.90")


def test_a_kept_note_claims_no_series_for_its_till(tmp_path: Path) -> None:
    with store_in(tmp_path) as store:
        store.send(invoice(906, "5152"), till="caixa1")
        sale = build_note(model="55", number=907)
        store.send(sale, till="caixa2")
        assert store.document(sale).state == "posted"


def test_what_is_kept_is_kept_after_a_restart_and_never_read_again(tmp_path: Path) -> None:
    note = invoice(908, "5929", KEY)
    with store_in(tmp_path) as store:
        store.drop(note)
    with store_in(tmp_path) as store:
        store.post()
        assert store.drop(note)[0].already_known
        assert store.booked() == {}
        assert store.state(note) == ("kept", "operation_documented")


def test_the_bytes_of_what_only_the_server_has_are_never_pruned(tmp_path: Path) -> None:
    note = invoice(909, "5929", KEY)
    with store_in(tmp_path) as store:
        store.send(NFCE)
        store.send(note)
        retention.prune(store.services.engine, before=4e9, now=store.services.spool.clock())
        assert contents.content(store.services.engine, store.document(note).id) == note


@pytest.mark.parametrize("event", ["110110", "110001", "110300", "110750", "112110", "211110", "999999"])
@pytest.mark.parametrize("first", ["sale", "event"])
def test_events_are_kept_beside_their_sale_in_either_order(tmp_path: Path, event: str, first: str) -> None:
    said = build_cancellation(KEY, event=event)
    with store_in(tmp_path) as store:
        store.send(*((NFCE, said) if first == "sale" else (said, NFCE)))
        nothing_but_the_receipt(store)
        assert not store.booked()[KEY].cancelled
        assert store.state(said) == ("kept", "event_beside_sale")
        assert store.told(said).state == "posted"
        found = beside(store.services.engine, store.document(NFCE).id)
        assert [(one.document.kind, one.document.id) for one in found] == [("event", store.document(said).id)]


def test_of_a_note_over_receipts_each_is_found_from_the_other(tmp_path: Path) -> None:
    note = invoice(910, "5929", KEY)
    with store_in(tmp_path) as store:
        store.send(note, NFCE)
        of_sale = beside(store.services.engine, store.document(NFCE).id)
        of_note = beside(store.services.engine, store.document(note).id)
        assert [(one.relation, one.document.id) for one in of_sale] == [("names", store.document(note).id)]
        assert [(one.relation, one.document.id) for one in of_note] == [("named", store.document(NFCE).id)]


def test_other_environments_and_issuers_do_not_matter_to_what_is_never_booked(tmp_path: Path) -> None:
    note = invoice(911, "5152", environment=2)
    with store_in(tmp_path, store=StoreSettings(issuers=["12ABC34501DE35"])) as store:
        store.send(note)
        assert store.document(note).state == "kept"


def test_which_version_was_authorised_is_nobodys_concern_of_what_is_never_booked(tmp_path: Path) -> None:
    note = invoice(912, "5929", KEY)
    other = note.replace(note[note.index(b"<digVal>") + 8 :][:28], b"3zO5Hm8ATIP5YaBtFkogTimgNPM=", 1)
    with store_in(tmp_path) as store:
        store.send(other)
        assert store.state(other)[0] == "kept"


BOSS = Actor("ana", "console")


@pytest.mark.parametrize("cfops", [("5102", "5929"), ("5949",), ("5922",)])
def test_a_person_keeps_what_is_no_sale_and_nobody_is_asked_again(tmp_path: Path, cfops: tuple[str, ...]) -> None:
    lines = [Line(cfop=one) for one in cfops]
    note = build_note(model="55", number=913, items=lines, references=[KEY])
    with store_in(tmp_path) as store:
        store.send(NFCE, note)
        assert store.document(note).state == "rejected"
        desk, one = store.services.quarantine, store.document(note).id
        assert "keep_unbooked" in [cure.kind for cure in desk.cures(one)]
        desk.keep_unbooked(one, BOSS, reason="nota de controle")
        assert store.state(note) == ("kept", "kept_by_person")
        assert store.told(note).state == "posted"
        nothing_but_the_receipt(store)


def test_a_person_accepts_a_paid_sale_that_refers_to_a_receipt(tmp_path: Path) -> None:
    note = build_note(model="55", number=914, references=[KEY])
    with store_in(tmp_path) as store:
        store.send(NFCE, note)
        assert store.state(note) == ("rejected", "sale_refers_to_receipt")
        desk, one = store.services.quarantine, store.document(note).id
        assert [cure.kind for cure in desk.cures(one)] == ["accept_difference", "keep_unbooked"]
        desk.accept_difference(Selection((one,)), BOSS, reason="outra venda")
        store.post()
        assert len(store.booked()) == 2
        assert store.state(note) == ("posted", None)


def test_a_note_is_booked_once_the_settings_say_that_its_code_is_a_sale(tmp_path: Path) -> None:
    note = build_note(model="55", number=915, items=[Line(cfop="5949")])
    with store_in(tmp_path) as store:
        store.send(note)
        assert store.state(note) == ("rejected", "operation_paid")
    with store_in(tmp_path, operations={"5949": "sale"}) as store:
        store.services.quarantine.replay(Selection((store.document(note).id,)), BOSS)
        store.post()
        assert len(store.booked()) == 1


def test_a_note_is_kept_once_the_settings_say_that_its_code_is_none(tmp_path: Path) -> None:
    note = build_note(model="55", number=916, items=[Line(cfop="5949")])
    with store_in(tmp_path) as store:
        store.send(note)
        assert store.state(note) == ("rejected", "operation_paid")
    with store_in(tmp_path, operations={"5949": "loan"}) as store:
        store.services.quarantine.replay(Selection((store.document(note).id,)), BOSS)
        assert store.state(note) == ("kept", "operation_loan")
        (status,) = [
            one
            for one in till_documents.status(store.services.engine, now=store.services.spool.clock())
            if one.till == "caixa1"
        ]
        assert (status.kept, status.rejected) == (1, 0)
        assert store.told(note).state == "posted"


@pytest.mark.parametrize("tills", [("caixa1", "caixa1"), ("caixa1", "caixa2")])
@pytest.mark.parametrize("first", ["note", "cancellation", "together"])
@pytest.mark.parametrize("cfop", ["5152", "5929", "5949"])
def test_the_cancellation_of_what_is_no_sale_asks_nobody(
    tmp_path: Path, cfop: str, first: str, tills: tuple[str, str]
) -> None:
    note = invoice(917, cfop)
    said = build_cancellation(key_of(note))
    with store_in(tmp_path) as store:
        if first == "note":
            store.send(note, till=tills[0])
            store.send(said, till=tills[1])
        elif first == "cancellation":
            store.send(said, till=tills[1])
            assert store.state(said) == ("waiting", "sale_not_here")
            store.send(note, till=tills[0])
        else:
            store.drop(said, till=tills[1])
            store.drop(note, till=tills[0])
            store.post()
        assert store.state(said) == ("kept", "cancels_no_sale")
        assert store.told(said, tills[1]).state == "posted"
        assert store.booked() == {}
        for status in till_documents.status(store.services.engine, now=store.services.spool.clock()):
            assert (status.rejected, status.waiting, status.pending) == (0, 0, 0)


def test_the_cancellation_of_what_the_system_before_sold_asks_nobody(tmp_path: Path) -> None:
    with store_in(tmp_path, store=StoreSettings(since="2099-01-01T00:00:00-03:00")) as store:
        store.send(NFCE)
        assert store.state(NFCE) == ("kept", "before_the_start")
    said = build_cancellation(KEY)
    with store_in(tmp_path) as store:
        store.send(said)
        assert store.state(said) == ("kept", "cancels_no_sale")


def test_a_cancellation_whose_note_never_came_still_asks_a_person(tmp_path: Path) -> None:
    said = build_cancellation(KEY)
    with store_in(tmp_path, store=StoreSettings(sale_hours=0)) as store:
        store.send(said)
        assert store.state(said) == ("rejected", "sale_never_came")


def test_a_waiting_cancellation_is_settled_by_a_replay_that_keeps_its_note(tmp_path: Path) -> None:
    note = build_note(model="55", number=918, items=[Line(cfop="5949")])
    said = build_cancellation(key_of(note))
    with store_in(tmp_path) as store:
        store.send(note, said)
        assert (store.document(note).state, store.state(said)[1]) == ("rejected", "sale_not_here")
    with store_in(tmp_path, operations={"5949": "loan"}) as store:
        store.services.quarantine.replay(Selection((store.document(note).id,)), BOSS)
        store.post()
        assert store.state(said) == ("kept", "cancels_no_sale")


def test_a_cancelled_note_that_is_booked_after_all_is_cancelled_after_all(tmp_path: Path) -> None:
    note = invoice(919, "5949")
    said = build_cancellation(key_of(note))
    with store_in(tmp_path) as store:
        store.send(note, said)
        assert store.state(said) == ("kept", "cancels_no_sale")
    with store_in(tmp_path, operations={"5949": "sale"}) as store:
        store.send(note + b"\n")
        assert store.booked()[key_of(note)].cancelled
        assert store.stock() == 0
        assert store.state(said) == ("posted", None)
