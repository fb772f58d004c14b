"""The HTTP face over a real server and a real database: what a till or an integrator meets, good and bad."""

import hashlib
import struct
import threading
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

from malote import frames, wire
from malote.app import Services
from malote.config import IntakeSettings
from malote.register import till_documents
from malote.register.documents import TillStatus
from malote.tills.till import create_till, disable, new_token
from malote.wire import ContactReply, FileReceipt, ReceiptsReply
from tests.faces.intake_support import Speaker, fault_of, file, sealed, serving, settings_in, store_with_till
from tests.unit.fiscal.notes import build_cancellation, build_note, key_of

LIMITS = IntakeSettings(max_body_bytes=600_000, max_pouch_bytes=2_000_000, max_document_bytes=200_000, max_documents=20)
CONTACT = {"agent_version": "1.0", "clock": "2026-11-20T10:00:00Z", "pending": 0, "unproven": 0}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Services, str, str]]:
    settings = settings_in(tmp_path_factory.mktemp("house"), intake=LIMITS)
    with store_with_till(settings) as (services, _, token), serving(services) as address:
        yield services, address, token


@pytest.fixture
def services(house: tuple[Services, str, str]) -> Services:
    return house[0]


@pytest.fixture
def till(house: tuple[Services, str, str]) -> Iterator[Speaker]:
    with Speaker(house[1], house[2]) as speaker:
        yield speaker


@pytest.fixture
def address(house: tuple[Services, str, str]) -> str:
    return house[1]


_numbers = iter(range(1, 10_000))


def note(**changes: object) -> bytes:
    """A sale that no other test sends."""
    return build_note(number=next(_numbers), **changes)  # type: ignore[arg-type]


# ---- what is sound ----


def test_a_pouch_is_answered_file_by_file_in_its_order(till: Speaker) -> None:
    good, other = note(), note()
    receipts = till.send([file(good), file(b"not a document"), file(other)])
    assert [receipt.state for receipt in receipts] == ["accepted", "rejected", "accepted"]
    assert [receipt.already_known for receipt in receipts] == [False] * 3
    assert receipts[0].documents[0].key == key_of(good)
    assert receipts[1].documents[0].code
    assert receipts[1].documents[0].message


def test_a_resent_pouch_gets_the_same_answer_and_is_kept_once(till: Speaker, services: Services) -> None:
    files = [file(note()), file(b"no document at all")]
    first = till.send(files)
    before = count(services)
    again = till.send(files)
    assert [receipt.documents for receipt in again] == [receipt.documents for receipt in first]
    assert all(receipt.already_known for receipt in again)
    assert count(services) == before


def test_the_same_file_twice_in_a_pouch_is_one_document(till: Speaker, services: Services) -> None:
    before = count(services)
    one = file(note())
    receipts = till.send([one, one])
    assert [receipt.state for receipt in receipts] == ["accepted", "accepted"]
    assert count(services) == before + 1


def test_two_resends_at_once_get_the_same_answer(address: str, till: Speaker, services: Services) -> None:
    body, headers = sealed([file(note()) for _ in range(10)])
    before = count(services)
    replies: list[httpx.Response] = []

    def send() -> None:
        replies.append(till.http.post(wire.PATH_POUCHES, content=body, headers=headers))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [reply.status_code for reply in replies] == [200] * 4
    states = {tuple(r["state"] for r in reply.json()["receipts"]) for reply in replies}
    assert states == {("accepted",) * 10}
    assert count(services) == before + 10


def test_a_raw_file_is_taken_with_curl_s_means(address: str, house: tuple[Services, str, str]) -> None:
    content = note(declaration='<?xml version="1.0" encoding="ISO-8859-1"?>', encoding="latin-1")
    reply = httpx.post(
        f"{address}/v1/documents?name=..%2F..%2Fvenda.xml",
        content=content,
        headers={"Authorization": f"Bearer {house[2]}", "Content-Type": "application/x-www-form-urlencoded"},
    )
    assert reply.status_code == 200, reply.text
    receipt = msgspec.json.decode(reply.content, type=FileReceipt)
    assert (receipt.state, receipt.sha256) == ("accepted", hashlib.sha256(content).hexdigest())
    shown = httpx.get(f"{address}/v1/documents/{receipt.sha256}", headers={"Authorization": f"Bearer {house[2]}"})
    assert msgspec.json.decode(shown.content, type=FileReceipt).state == "accepted"
    key = receipt.documents[0].key
    by_key = httpx.get(f"{address}/v1/documents/{key}", headers={"Authorization": f"Bearer {house[2]}"})
    assert by_key.content == shown.content


def test_several_documents_of_one_kind_and_another_come_in(till: Speaker) -> None:
    sale = note()
    receipts = till.send([file(build_cancellation(key_of(sale))), file(sale)])
    assert [(r.state, r.documents[0].kind) for r in receipts] == [("accepted", "cancellation"), ("accepted", "sale")]


def test_receipts_are_asked_for_by_hash(till: Speaker) -> None:
    known, unknown = file(note()), file(note())
    till.send([known])
    reply = till.post(wire.PATH_RECEIPTS, wire.ReceiptsQuery([unknown.sha256.hex(), known.sha256.hex()]))
    found = msgspec.json.decode(reply.content, type=ReceiptsReply).receipts
    assert [receipt.state for receipt in found] == ["unknown", "accepted"]


def test_a_till_sees_only_its_own_files(services: Services, address: str, till: Speaker) -> None:
    _, token = create_till(services.engine, "outro")
    mine = file(note())
    till.send([mine])
    with Speaker(address, token) as other:
        fault_of(other.http.get(f"/v1/documents/{mine.sha256.hex()}"), 404, "not_found")
        reply = other.post(wire.PATH_RECEIPTS, wire.ReceiptsQuery([mine.sha256.hex()]))
        assert reply.json()["receipts"][0]["state"] == "unknown"


def test_the_status_is_the_till_s_own(till: Speaker) -> None:
    reply = till.http.get("/v1/status")
    assert reply.status_code == 200
    status = msgspec.json.decode(reply.content, type=TillStatus)
    assert status.till == "caixa1"


def test_health_needs_no_token_and_tells_nothing(address: str) -> None:
    reply = httpx.get(f"{address}/health")
    assert (reply.status_code, reply.json()) == (200, {"status": "ok"})


# ---- clocks ----


def test_a_skewed_clock_is_told_to_the_till_and_shown_but_stops_nothing(till: Speaker, services: Services) -> None:
    late = datetime.now(UTC) - timedelta(hours=3)
    reply = till.post(wire.PATH_CONTACT, wire.Contact("1.0", late, pending=2, unproven=1))
    told = msgspec.json.decode(reply.content, type=ContactReply)
    assert told.till == "caixa1"
    assert -10_900 < told.skew_seconds < -10_700
    (status,) = [
        one for one in till_documents.status(services.engine, now=services.spool.clock()) if one.till == "caixa1"
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
def test_a_contact_that_says_the_impossible_is_refused(till: Speaker, contact: dict[str, object]) -> None:
    fault_of(till.post(wire.PATH_CONTACT, contact), 400, "request_invalid")


# ---- who may not ----


@pytest.mark.parametrize("token", ["wrong", "1.wrong", "999.wrong", "²." + "x" * 40, "1." + "y" * 5000])
def test_a_wrong_token_is_refused_whether_the_till_exists_or_not(address: str, token: str) -> None:
    with Speaker(address, None) as stranger:
        reply = stranger.http.post(
            wire.PATH_CONTACT, content=b"{}", headers={b"Authorization": f"Bearer {token}".encode()}
        )
    fault = fault_of(reply, 401, "token_invalid")
    assert not fault.transient
    assert reply.headers["WWW-Authenticate"] == "Bearer"


def test_no_token_and_another_scheme_are_refused(address: str) -> None:
    with Speaker(address, None) as stranger:
        fault_of(stranger.http.get("/v1/status"), 401, "token_invalid")
        fault_of(stranger.http.get("/v1/status", headers={"Authorization": "Basic YTpi"}), 401, "token_invalid")
        fault_of(stranger.http.get("/schema/openapi.json"), 401, "token_invalid")


def test_a_renewed_token_voids_the_old_one_and_a_disabled_till_is_told_so(services: Services, address: str) -> None:
    _, old = create_till(services.engine, "trocado")
    renewed = new_token(services.engine, "trocado")
    with Speaker(address, old) as before, Speaker(address, renewed) as after:
        fault_of(before.http.get("/v1/status"), 401, "token_invalid")
        assert after.http.get("/v1/status").status_code == 200
        disable(services.engine, "trocado")
        fault_of(after.http.get("/v1/status"), 403, "till_disabled")


# ---- what is no pouch ----


def test_a_pouch_that_changed_on_its_way_is_refused_whole(till: Speaker, services: Services) -> None:
    body, headers = sealed([file(note())])
    before = count(services)
    headers[wire.POUCH_HASH_HEADER] = "0" * 64
    fault = fault_of(till.http.post(wire.PATH_POUCHES, content=body, headers=headers), 422, "pouch_hash_mismatch")
    assert fault.transient
    assert count(services) == before


def test_a_pouch_without_its_hash_is_refused(till: Speaker) -> None:
    body, _ = sealed([file(note())])
    fault_of(till.http.post(wire.PATH_POUCHES, content=body), 400, "request_invalid")


def test_a_document_that_is_not_what_was_captured_is_refused(till: Speaker) -> None:
    body, headers = sealed([wire.PouchFile("venda.xml", b"\0" * 32, note())])
    fault_of(till.http.post(wire.PATH_POUCHES, content=body, headers=headers), 422, "document_hash_mismatch")


def test_a_truncated_pouch_is_refused(till: Speaker) -> None:
    body, headers = sealed([file(note()) for _ in range(5)])
    reply = till.http.post(wire.PATH_POUCHES, content=body[: len(body) // 2], headers=headers)
    assert reply.status_code == 422
    fault_of(reply, 422, reply.json()["code"])
    assert reply.json()["code"] in ("pouch_hash_mismatch", "pouch_unreadable")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x00" * 50,
        msgspec.msgpack.encode({"version": 1}),
        msgspec.msgpack.encode([1, "2026-11-20T10:00:00Z", "no list"]),
        b"\x93\x01" + msgspec.msgpack.encode(datetime(2026, 11, 20, tzinfo=UTC)) + b"\x91" * 100_000,
        b"\x94\x01" + msgspec.msgpack.encode(datetime(2026, 11, 20, tzinfo=UTC)) + b"\x90" + b"\x91" * 100_000,
    ],
    ids=["empty", "zeros", "other shape", "other type", "nested", "nested beyond"],
)
def test_what_is_no_pouch_is_refused(till: Speaker, payload: bytes) -> None:
    headers = {wire.POUCH_HASH_HEADER: hashlib.sha256(payload).hexdigest()}
    body = frames.pack(payload)
    fault_of(till.http.post(wire.PATH_POUCHES, content=body, headers=headers), 422, "pouch_unreadable")


def test_what_is_not_even_compressed_is_refused(till: Speaker) -> None:
    headers = {wire.POUCH_HASH_HEADER: "0" * 64}
    fault_of(till.http.post(wire.PATH_POUCHES, content=b"<xml/>", headers=headers), 422, "pouch_unreadable")


def test_a_bomb_is_refused_without_being_opened_further_than_allowed(till: Speaker) -> None:
    bomb = frames.pack(bytes(500_000_000), level=19)
    assert len(bomb) < LIMITS.max_body_bytes
    headers = {wire.POUCH_HASH_HEADER: "0" * 64}
    tracemalloc.start()
    try:
        fault_of(till.http.post(wire.PATH_POUCHES, content=bomb, headers=headers), 413, "pouch_too_large")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * LIMITS.max_pouch_bytes


def test_a_pouch_that_lies_about_its_size_is_opened_no_further_either(till: Speaker) -> None:
    # A frame whose header promises 2**40 bytes.
    body = b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 2**40) + b"\x01\x00\x00"
    headers = {wire.POUCH_HASH_HEADER: "0" * 64}
    reply = till.http.post(wire.PATH_POUCHES, content=body, headers=headers)
    assert reply.status_code in (413, 422)
    assert reply.json()["code"] in ("pouch_too_large", "pouch_unreadable", "pouch_hash_mismatch")


def test_too_many_files_are_refused(till: Speaker) -> None:
    body, headers = sealed([file(b"x%d" % n) for n in range(LIMITS.max_documents + 1)])
    fault = fault_of(till.http.post(wire.PATH_POUCHES, content=body, headers=headers), 413, "too_many_documents")
    assert "21" in fault.detail
    assert "20" in fault.detail


def test_a_body_over_the_limit_is_refused_by_its_announced_length(till: Speaker) -> None:
    body = bytes(LIMITS.max_body_bytes + 1)
    fault = fault_of(till.http.post(wire.PATH_DOCUMENTS, content=body), 413, "body_too_large")
    assert str(LIMITS.max_body_bytes) in fault.detail


def test_a_body_without_end_is_cut_off_while_it_comes(till: Speaker) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 100_000_000:
            sent += 100_000
            yield bytes(100_000)

    try:
        reply = till.http.post(wire.PATH_DOCUMENTS, content=endless())
    except httpx.TransportError:
        pass  # the server closed the connection while we were still sending
    else:
        fault_of(reply, 413, "body_too_large")
    assert sent < 50_000_000


def test_too_large_a_document_is_rejected_alone_and_kept(till: Speaker, services: Services) -> None:
    huge = note() + b"<!--" + b"x" * LIMITS.max_document_bytes + b"-->"
    receipts = till.send([file(note()), file(huge), file(note())])
    assert [receipt.state for receipt in receipts] == ["accepted", "rejected", "accepted"]
    kept = list((services.settings.quarantine_path / "caixa1").glob(f"*{hashlib.sha256(huge).hexdigest()[:32]}*.xml"))
    assert [path.read_bytes() for path in kept] == [huge]


def test_names_with_path_parts_stay_names(till: Speaker, services: Services) -> None:
    home = services.settings.home_path
    before = {path for path in home.parent.rglob("*") if "rejeitados" not in path.parts}
    bad = [b"bad %d" % n for n in range(5)]
    names = ["../../../fora.xml", "/tmp/fora.xml", "..\\..\\fora.xml", "a\x00b.xml", "x" * 5000]  # noqa: S108
    receipts = till.send([file(content, name) for content, name in zip(bad, names, strict=True)])
    assert [receipt.state for receipt in receipts] == ["rejected"] * 5
    after = {path for path in home.parent.rglob("*") if "rejeitados" not in path.parts}
    assert after == before
    names_kept = {
        one.file_name for one in till_documents.documents_of(services.engine, "caixa1", "rejected", limit=1000)
    }
    assert {"fora.xml", "ab.xml"} <= names_kept


# ---- what is no request ----


@pytest.mark.parametrize("content", [b"", b"{", b'{"files": 5}', b'{"files": ["zz"]}', b"\xff\xfe", b"[" * 100_000])
def test_invalid_json_is_refused(till: Speaker, content: bytes) -> None:
    fault_of(till.http.post(wire.PATH_RECEIPTS, content=content), 400, "request_invalid")


def test_too_many_questions_at_once_are_refused(till: Speaker) -> None:
    query = wire.ReceiptsQuery(["0" * 64] * (wire.MAX_QUERY + 1))
    fault_of(till.post(wire.PATH_RECEIPTS, query), 413, "too_many_documents")


def test_an_empty_document_is_refused(till: Speaker) -> None:
    fault_of(till.http.post(wire.PATH_DOCUMENTS, content=b""), 400, "request_invalid")


def test_an_unknown_path_method_or_hash_is_refused(till: Speaker) -> None:
    fault_of(till.http.get("/v2/anything"), 404, "not_found")
    fault_of(till.http.get("/../../etc/passwd"), 404, "not_found")
    fault_of(till.http.get(wire.PATH_POUCHES), 405, "request_invalid")
    fault_of(till.http.get(f"/v1/documents/{'0' * 64}"), 404, "not_found")
    fault_of(till.http.get(f"/v1/documents/{'1' * 44}"), 404, "not_found")
    fault_of(till.http.get("/v1/documents/nonsense"), 400, "request_invalid")


@pytest.mark.parametrize("spoken", ["0", "2", "99", "one", "-1", "1.0", "", "9" * 50])
def test_another_version_of_the_protocol_is_told_which_are_understood(till: Speaker, spoken: str) -> None:
    reply = till.http.post(wire.PATH_CONTACT, content=b"{}", headers={wire.PROTOCOL_HEADER: spoken})
    fault = fault_of(reply, 426, "protocol_unsupported")
    assert "understands 1 to 1" in fault.detail


def test_a_till_must_say_its_version(address: str, house: tuple[Services, str, str]) -> None:
    headers = {"Authorization": f"Bearer {house[2]}"}
    reply = httpx.post(f"{address}{wire.PATH_CONTACT}", content=b"{}", headers=headers)
    fault_of(reply, 426, "protocol_unsupported")


def test_a_pouch_of_a_newer_version_is_refused(till: Speaker) -> None:
    payload = msgspec.msgpack.encode(wire.Pouch(2, datetime.now(UTC), []))
    headers = {wire.POUCH_HASH_HEADER: hashlib.sha256(payload).hexdigest()}
    reply = till.http.post(wire.PATH_POUCHES, content=frames.pack(payload), headers=headers)
    fault_of(reply, 426, "protocol_unsupported")


def count(services: Services) -> int:
    status = [one for one in till_documents.status(services.engine, now=services.spool.clock()) if one.till == "caixa1"]
    return sum(one.pending + one.waiting + one.posted + one.rejected + one.discarded for one in status)


def test_nothing_of_the_house_lies_outside_its_folder(services: Services) -> None:
    assert sorted(path.name for path in services.settings.home_path.iterdir()) == sorted(
        {"rejeitados", "signing.key", "store.sqlite3", "store.sqlite3-shm", "store.sqlite3-wal"}
    )
    assert Path("fora.xml").exists() is False
