"""The HTTP face over a real server and a real database: what a till or an integrator meets, and who may not."""

import hashlib
import threading
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest

from malote import wire
from malote.app import Services
from malote.register import till_documents
from malote.register.documents import TillStatus
from malote.tills.till import create_till, disable, new_token
from malote.wire import ContactReply, FileReceipt, ReceiptsReply
from tests.faces.intake_http_support import count, note
from tests.faces.intake_support import Speaker, fault_of, file, sealed
from tests.unit.fiscal.notes import build_cancellation, key_of

pytest_plugins = ["tests.faces.intake_http_fixtures"]

CONTACT = {"agent_version": "1.0", "clock": "2026-11-20T10:00:00Z", "pending": 0, "unproven": 0}


# ---- what is sound ----


def test_a_pouch_is_answered_file_by_file_in_its_order(intake_till: Speaker) -> None:
    good, other = note(), note()
    receipts = intake_till.send([file(good), file(b"not a document"), file(other)])
    assert [receipt.state for receipt in receipts] == ["accepted", "rejected", "accepted"]
    assert [receipt.already_known for receipt in receipts] == [False] * 3
    assert receipts[0].documents[0].key == key_of(good)
    assert receipts[1].documents[0].code
    assert receipts[1].documents[0].message


def test_a_resent_pouch_gets_the_same_answer_and_is_kept_once(intake_till: Speaker, intake_services: Services) -> None:
    files = [file(note()), file(b"no document at all")]
    first = intake_till.send(files)
    before = count(intake_services)
    again = intake_till.send(files)
    assert [receipt.documents for receipt in again] == [receipt.documents for receipt in first]
    assert all(receipt.already_known for receipt in again)
    assert count(intake_services) == before


def test_the_same_file_twice_in_a_pouch_is_one_document(intake_till: Speaker, intake_services: Services) -> None:
    before = count(intake_services)
    one = file(note())
    receipts = intake_till.send([one, one])
    assert [receipt.state for receipt in receipts] == ["accepted", "accepted"]
    assert count(intake_services) == before + 1


def test_two_resends_at_once_get_the_same_answer(
    intake_address: str, intake_till: Speaker, intake_services: Services
) -> None:
    body, headers = sealed([file(note()) for _ in range(10)])
    before = count(intake_services)
    replies: list[httpx.Response] = []

    def send() -> None:
        replies.append(intake_till.http.post(wire.PATH_POUCHES, content=body, headers=headers))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [reply.status_code for reply in replies] == [200] * 4
    states = {tuple(r["state"] for r in reply.json()["receipts"]) for reply in replies}
    assert states == {("accepted",) * 10}
    assert count(intake_services) == before + 10


def test_a_raw_file_is_taken_with_curl_s_means(intake_address: str, intake_house: tuple[Services, str, str]) -> None:
    content = note(declaration='<?xml version="1.0" encoding="ISO-8859-1"?>', encoding="latin-1")
    reply = httpx.post(
        f"{intake_address}/v1/documents?name=..%2F..%2Fvenda.xml",
        content=content,
        headers={"Authorization": f"Bearer {intake_house[2]}", "Content-Type": "application/x-www-form-urlencoded"},
    )
    assert reply.status_code == 200, reply.text
    receipt = msgspec.json.decode(reply.content, type=FileReceipt)
    assert (receipt.state, receipt.sha256) == ("accepted", hashlib.sha256(content).hexdigest())
    shown = httpx.get(
        f"{intake_address}/v1/documents/{receipt.sha256}", headers={"Authorization": f"Bearer {intake_house[2]}"}
    )
    assert msgspec.json.decode(shown.content, type=FileReceipt).state == "accepted"
    key = receipt.documents[0].key
    by_key = httpx.get(f"{intake_address}/v1/documents/{key}", headers={"Authorization": f"Bearer {intake_house[2]}"})
    assert by_key.content == shown.content


def test_several_documents_of_one_kind_and_another_come_in(intake_till: Speaker) -> None:
    sale = note()
    receipts = intake_till.send([file(build_cancellation(key_of(sale))), file(sale)])
    assert [(r.state, r.documents[0].kind) for r in receipts] == [("accepted", "cancellation"), ("accepted", "sale")]


def test_receipts_are_asked_for_by_hash(intake_till: Speaker) -> None:
    known, unknown = file(note()), file(note())
    intake_till.send([known])
    reply = intake_till.post(wire.PATH_RECEIPTS, wire.ReceiptsQuery([unknown.sha256.hex(), known.sha256.hex()]))
    found = msgspec.json.decode(reply.content, type=ReceiptsReply).receipts
    assert [receipt.state for receipt in found] == ["unknown", "accepted"]


def test_a_till_sees_only_its_own_files(intake_services: Services, intake_address: str, intake_till: Speaker) -> None:
    _, token = create_till(intake_services.engine, "outro")
    mine = file(note())
    intake_till.send([mine])
    with Speaker(intake_address, token) as other:
        fault_of(other.http.get(f"/v1/documents/{mine.sha256.hex()}"), 404, "not_found")
        reply = other.post(wire.PATH_RECEIPTS, wire.ReceiptsQuery([mine.sha256.hex()]))
        assert reply.json()["receipts"][0]["state"] == "unknown"


def test_the_status_is_the_till_s_own(intake_till: Speaker) -> None:
    reply = intake_till.http.get("/v1/status")
    assert reply.status_code == 200
    status = msgspec.json.decode(reply.content, type=TillStatus)
    assert status.till == "caixa1"


def test_health_needs_no_token_and_tells_nothing(intake_address: str) -> None:
    reply = httpx.get(f"{intake_address}/health")
    assert (reply.status_code, reply.json()) == (200, {"status": "ok"})


# ---- clocks ----


def test_a_skewed_clock_is_told_to_the_till_and_shown_but_stops_nothing(
    intake_till: Speaker, intake_services: Services
) -> None:
    late = datetime.now(UTC) - timedelta(hours=3)
    reply = intake_till.post(wire.PATH_CONTACT, wire.Contact("1.0", late, pending=2, unproven=1))
    told = msgspec.json.decode(reply.content, type=ContactReply)
    assert told.till == "caixa1"
    assert -10_900 < told.skew_seconds < -10_700
    (status,) = [
        one
        for one in till_documents.status(intake_services.engine, now=intake_services.spool.clock())
        if one.till == "caixa1"
    ]
    assert status.clock_skew_seconds == pytest.approx(told.skew_seconds, abs=1)
    assert (status.till_pending, status.till_unproven) == (2, 1)


@pytest.mark.parametrize(
    "contact",
    [
        {"agent_version": "1.0", "clock": "2026-11-20T10:00:00", "pending": 0, "unproven": 0},
        {"agent_version": "1.0", "clock": "2026-11-20T10:00:00Z", "pending": -1, "unproven": 0},
        {"agent_version": "1.0", "clock": "2026-11-20T10:00:00Z", "pending": 10**30, "unproven": 0},
        {"agent_version": "1\x00", "clock": "2026-11-20T10:00:00Z", "pending": 0, "unproven": 0},
        {"agent_version": "1.0", "pending": 0, "unproven": 0},
        CONTACT | {"refused": [{"name": "a", "size": 1, "code": "b"}] * (wire.MAX_QUERY + 1)},
        CONTACT | {"refused": [{"name": "a", "size": 1, "code": "b" * 101}]},
        CONTACT | {"refused": [{"name": "a" * 40_001, "size": 1, "code": "b"}]},
        CONTACT | {"structure": {"format": 1, "version": 1, "sha256": "0" * 65}},
        CONTACT | {"structure": {"format": 1, "version": 1, "sha256": "", "facts": {str(n): "" for n in range(101)}}},
    ],
)
def test_a_contact_that_says_the_impossible_is_refused(intake_till: Speaker, contact: dict[str, object]) -> None:
    fault_of(intake_till.post(wire.PATH_CONTACT, contact), 400, "request_invalid")


# ---- who may not ----


@pytest.mark.parametrize("token", ["wrong", "1.wrong", "999.wrong", "²." + "x" * 40, "1." + "y" * 5000])
def test_a_wrong_token_is_refused_whether_the_till_exists_or_not(intake_address: str, token: str) -> None:
    with Speaker(intake_address, None) as stranger:
        reply = stranger.http.post(
            wire.PATH_CONTACT, content=b"{}", headers={b"Authorization": f"Bearer {token}".encode()}
        )
    fault = fault_of(reply, 401, "token_invalid")
    assert not fault.transient
    assert reply.headers["WWW-Authenticate"] == "Bearer"


def test_no_token_and_another_scheme_are_refused(intake_address: str) -> None:
    with Speaker(intake_address, None) as stranger:
        fault_of(stranger.http.get("/v1/status"), 401, "token_invalid")
        fault_of(stranger.http.get("/v1/status", headers={"Authorization": "Basic YTpi"}), 401, "token_invalid")
        fault_of(stranger.http.get("/schema/openapi.json"), 401, "token_invalid")


def test_a_renewed_token_voids_the_old_one_and_a_disabled_till_is_told_so(
    intake_services: Services, intake_address: str
) -> None:
    _, old = create_till(intake_services.engine, "trocado")
    renewed = new_token(intake_services.engine, "trocado")
    with Speaker(intake_address, old) as before, Speaker(intake_address, renewed) as after:
        fault_of(before.http.get("/v1/status"), 401, "token_invalid")
        assert after.http.get("/v1/status").status_code == 200
        disable(intake_services.engine, "trocado")
        fault_of(after.http.get("/v1/status"), 403, "till_disabled")
