"""What is no pouch and no request: refused whole, at bounded cost, and told what it is."""

import hashlib
import struct
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
import pytest

from malote import frames, wire
from malote.api.tills import SMALL_BODY
from malote.app import Services
from malote.register import till_documents
from tests.faces.intake_http_support import LIMITS, count, note
from tests.faces.intake_support import Speaker, fault_of, file, sealed

pytest_plugins = ["tests.faces.intake_http_fixtures"]


# ---- what is no pouch ----


def test_a_pouch_that_changed_on_its_way_is_refused_whole(intake_till: Speaker, intake_services: Services) -> None:
    body, headers = sealed([file(note())])
    before = count(intake_services)
    headers[wire.POUCH_HASH_HEADER] = "0" * 64
    fault = fault_of(
        intake_till.http.post(wire.PATH_POUCHES, content=body, headers=headers), 422, "pouch_hash_mismatch"
    )
    assert fault.transient
    assert count(intake_services) == before


def test_a_pouch_without_its_hash_is_refused(intake_till: Speaker) -> None:
    body, _ = sealed([file(note())])
    fault_of(intake_till.http.post(wire.PATH_POUCHES, content=body), 400, "request_invalid")


def test_a_document_that_is_not_what_was_captured_is_refused(intake_till: Speaker) -> None:
    body, headers = sealed([wire.PouchFile("venda.xml", b"\0" * 32, note())])
    fault_of(intake_till.http.post(wire.PATH_POUCHES, content=body, headers=headers), 422, "document_hash_mismatch")


def test_a_truncated_pouch_is_refused(intake_till: Speaker) -> None:
    body, headers = sealed([file(note()) for _ in range(5)])
    reply = intake_till.http.post(wire.PATH_POUCHES, content=body[: len(body) // 2], headers=headers)
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
def test_what_is_no_pouch_is_refused(intake_till: Speaker, payload: bytes) -> None:
    headers = {wire.POUCH_HASH_HEADER: hashlib.sha256(payload).hexdigest()}
    body = frames.pack(payload)
    fault_of(intake_till.http.post(wire.PATH_POUCHES, content=body, headers=headers), 422, "pouch_unreadable")


def test_what_is_not_even_compressed_is_refused(intake_till: Speaker) -> None:
    headers = {wire.POUCH_HASH_HEADER: "0" * 64}
    fault_of(intake_till.http.post(wire.PATH_POUCHES, content=b"<xml/>", headers=headers), 422, "pouch_unreadable")


def test_a_bomb_is_refused_without_being_opened_further_than_allowed(intake_till: Speaker) -> None:
    bomb = frames.pack(bytes(500_000_000), level=19)
    assert len(bomb) < LIMITS.max_body_bytes
    headers = {wire.POUCH_HASH_HEADER: "0" * 64}
    tracemalloc.start()
    try:
        fault_of(intake_till.http.post(wire.PATH_POUCHES, content=bomb, headers=headers), 413, "pouch_too_large")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * LIMITS.max_pouch_bytes


def test_a_pouch_that_lies_about_its_size_is_opened_no_further_either(intake_till: Speaker) -> None:
    # A frame whose header promises 2**40 bytes.
    body = b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 2**40) + b"\x01\x00\x00"
    headers = {wire.POUCH_HASH_HEADER: "0" * 64}
    reply = intake_till.http.post(wire.PATH_POUCHES, content=body, headers=headers)
    assert reply.status_code in (413, 422)
    assert reply.json()["code"] in ("pouch_too_large", "pouch_unreadable", "pouch_hash_mismatch")


def test_too_many_files_are_refused(intake_till: Speaker) -> None:
    body, headers = sealed([file(b"x%d" % n) for n in range(LIMITS.max_documents + 1)])
    fault = fault_of(intake_till.http.post(wire.PATH_POUCHES, content=body, headers=headers), 413, "too_many_documents")
    assert "21" in fault.detail
    assert "20" in fault.detail


def test_a_body_over_the_limit_is_refused_by_its_announced_length(intake_till: Speaker) -> None:
    body = bytes(LIMITS.max_body_bytes + 1)
    fault = fault_of(intake_till.http.post(wire.PATH_DOCUMENTS, content=body), 413, "body_too_large")
    assert str(LIMITS.max_body_bytes) in fault.detail
    fault = fault_of(intake_till.http.post(wire.PATH_CONTACT, content=bytes(SMALL_BODY + 1)), 413, "body_too_large")
    assert str(SMALL_BODY) in fault.detail, "the limit of this path"


def test_a_body_without_end_is_cut_off_while_it_comes(intake_till: Speaker) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 100_000_000:
            sent += 100_000
            yield bytes(100_000)

    try:
        reply = intake_till.http.post(wire.PATH_DOCUMENTS, content=endless())
    except httpx.TransportError:
        pass  # the server closed the connection while we were still sending
    else:
        fault_of(reply, 413, "body_too_large")
    assert sent < 50_000_000


def test_too_large_a_document_is_rejected_alone_and_kept(intake_till: Speaker, intake_services: Services) -> None:
    huge = note() + b"<!--" + b"x" * LIMITS.max_document_bytes + b"-->"
    receipts = intake_till.send([file(note()), file(huge), file(note())])
    assert [receipt.state for receipt in receipts] == ["accepted", "rejected", "accepted"]
    kept = list(
        (intake_services.settings.quarantine_path / "caixa1").glob(f"*{hashlib.sha256(huge).hexdigest()[:32]}*.xml")
    )
    assert [path.read_bytes() for path in kept] == [huge]


def test_names_with_path_parts_stay_names(intake_till: Speaker, intake_services: Services) -> None:
    home = intake_services.settings.home_path
    before = {path for path in home.parent.rglob("*") if "rejeitados" not in path.parts}
    bad = [b"bad %d" % n for n in range(5)]
    names = ["../../../fora.xml", "/tmp/fora.xml", "..\\..\\fora.xml", "a\x00b.xml", "x" * 5000]  # noqa: S108
    receipts = intake_till.send([file(content, name) for content, name in zip(bad, names, strict=True)])
    assert [receipt.state for receipt in receipts] == ["rejected"] * 5
    after = {path for path in home.parent.rglob("*") if "rejeitados" not in path.parts}
    assert after == before
    names_kept = {
        one.file_name for one in till_documents.documents_of(intake_services.engine, "caixa1", "rejected", limit=1000)
    }
    assert {"fora.xml", "ab.xml"} <= names_kept


# ---- what is no request ----


@pytest.mark.parametrize("content", [b"", b"{", b'{"files": 5}', b'{"files": ["zz"]}', b"\xff\xfe", b"[" * 100_000])
def test_invalid_json_is_refused(intake_till: Speaker, content: bytes) -> None:
    fault_of(intake_till.http.post(wire.PATH_RECEIPTS, content=content), 400, "request_invalid")


def test_too_many_questions_at_once_are_refused(intake_till: Speaker) -> None:
    query = wire.ReceiptsQuery(["0" * 64] * (wire.MAX_QUERY + 1))
    fault_of(intake_till.post(wire.PATH_RECEIPTS, query), 413, "too_many_documents")


def test_an_empty_document_is_refused(intake_till: Speaker) -> None:
    fault_of(intake_till.http.post(wire.PATH_DOCUMENTS, content=b""), 400, "request_invalid")


def test_an_unknown_path_method_or_hash_is_refused(intake_till: Speaker) -> None:
    fault_of(intake_till.http.get("/v2/anything"), 404, "not_found")
    fault_of(intake_till.http.get("/../../etc/passwd"), 404, "not_found")
    fault_of(intake_till.http.get(wire.PATH_POUCHES), 405, "request_invalid")
    fault_of(intake_till.http.get(f"/v1/documents/{'0' * 64}"), 404, "not_found")
    fault_of(intake_till.http.get(f"/v1/documents/{'1' * 44}"), 404, "not_found")
    fault_of(intake_till.http.get("/v1/documents/nonsense"), 400, "request_invalid")


@pytest.mark.parametrize("spoken", ["0", "2", "99", "one", "-1", "1.0", "", "9" * 50])
def test_another_version_of_the_protocol_is_told_which_are_understood(intake_till: Speaker, spoken: str) -> None:
    reply = intake_till.http.post(wire.PATH_CONTACT, content=b"{}", headers={wire.PROTOCOL_HEADER: spoken})
    fault = fault_of(reply, 426, "protocol_unsupported")
    assert "understands 1 to 1" in fault.detail


def test_a_till_must_say_its_version(intake_address: str, intake_house: tuple[Services, str, str]) -> None:
    headers = {"Authorization": f"Bearer {intake_house[2]}"}
    reply = httpx.post(f"{intake_address}{wire.PATH_CONTACT}", content=b"{}", headers=headers)
    fault_of(reply, 426, "protocol_unsupported")


def test_a_pouch_of_a_newer_version_is_refused(intake_till: Speaker) -> None:
    payload = msgspec.msgpack.encode(wire.Pouch(2, datetime.now(UTC), []))
    headers = {wire.POUCH_HASH_HEADER: hashlib.sha256(payload).hexdigest()}
    reply = intake_till.http.post(wire.PATH_POUCHES, content=frames.pack(payload), headers=headers)
    fault_of(reply, 426, "protocol_unsupported")


def test_nothing_of_the_house_lies_outside_its_folder(intake_till: Speaker, intake_services: Services) -> None:
    intake_till.send([file(b"no sale", "../../../fora.xml")])
    assert intake_till.post(wire.PATH_CONTACT, wire.Contact("1.0", datetime.now(UTC), 0, 0)).status_code == 200
    assert sorted(path.name for path in intake_services.settings.home_path.iterdir()) == sorted(
        {"rejeitados", "signing.key", "store.sqlite3", "store.sqlite3-shm", "store.sqlite3-wal"}
    )
    assert Path("fora.xml").exists() is False
