"""Pouches: sealed, opened, and refused when anything in them is not what it claims."""

import hashlib
import time
import tracemalloc
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from malote import frames
from malote.sealing import PouchUnreadableError, seal, unseal
from malote.wire import (
    BusinessDay,
    Contact,
    ContactReply,
    FolderCount,
    LostSale,
    Order,
    OrderProgress,
    Pouch,
    PouchFile,
    RefusedFile,
    StructureOrder,
    TillDay,
    TillStructure,
    TillTrouble,
    order_statement,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LIMIT = 1_000_000


def file_of(content: bytes, name: str = "note.xml") -> PouchFile:
    return PouchFile(name, hashlib.sha256(content).digest(), content)


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_what_was_sealed_comes_out(contents: list[bytes]) -> None:
    body, sha256 = seal([file_of(content) for content in contents], NOW)
    opened = unseal(body, sha256, max_size=LIMIT)
    assert [file.content for file in opened.files] == contents
    assert opened.sealed_at == NOW


@given(st.binary(max_size=300))
def test_any_other_bytes_are_no_pouch(body: bytes) -> None:
    with pytest.raises(PouchUnreadableError) as refused:
        unseal(body, hashlib.sha256(b"").hexdigest(), max_size=LIMIT)
    assert refused.value.code in {"pouch_unreadable", "pouch_hash_mismatch"}


def test_a_changed_pouch_is_noticed() -> None:
    body, _ = seal([file_of(b"sale")], NOW)
    with pytest.raises(PouchUnreadableError) as refused:
        unseal(body, hashlib.sha256(b"other").hexdigest(), max_size=LIMIT)
    assert refused.value.code == "pouch_hash_mismatch"


def test_a_changed_file_is_noticed() -> None:
    body, sha256 = seal([PouchFile("a", hashlib.sha256(b"sale").digest(), b"sold")], NOW)
    with pytest.raises(PouchUnreadableError) as refused:
        unseal(body, sha256, max_size=LIMIT)
    assert refused.value.code == "document_hash_mismatch"


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_truncated_pouch_is_refused(cut: int) -> None:
    body, sha256 = seal([file_of(b"sale" * 100)], NOW)
    with pytest.raises(PouchUnreadableError):
        unseal(body[:-cut], sha256, max_size=LIMIT)


def test_a_bomb_is_refused_without_being_opened_whole() -> None:
    bomb = frames.pack(bytes(300_000_000), level=19)
    tracemalloc.start()
    try:
        with pytest.raises(PouchUnreadableError) as refused:
            unseal(bomb, None, max_size=LIMIT)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.code == "pouch_too_large"
    assert peak < 50_000_000


def test_a_pouch_that_just_fits_is_opened() -> None:
    body, sha256 = seal([file_of(b"x" * 1000)], NOW)
    size = len(msgspec.msgpack.encode(Pouch(1, NOW, [file_of(b"x" * 1000)])))
    assert unseal(body, sha256, max_size=size).files[0].content == b"x" * 1000
    with pytest.raises(PouchUnreadableError):
        unseal(body, sha256, max_size=size - 1)


def test_what_follows_the_frame_is_refused() -> None:
    body, sha256 = seal([file_of(b"sale")], NOW)
    empty = frames.pack(b"")
    skippable = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"note"
    for tail in (b"\0", b"x" * 5000, body, empty, skippable):
        with pytest.raises(PouchUnreadableError) as refused:
            unseal(body + tail, sha256, max_size=LIMIT)
        assert refused.value.code == "pouch_unreadable"


def test_a_frame_that_does_not_say_its_size_is_a_pouch_too() -> None:
    body, sha256 = seal([file_of(b"sale" * 10_000)], NOW)
    plain = frames.unpack(body, LIMIT)
    # Written before its size is known, as a stream is.
    unsized = frames.zstd.compress(plain, options={frames.zstd.CompressionParameter.content_size_flag: 0})
    assert frames.claimed_size(unsized) is None
    assert unseal(unsized, sha256, max_size=LIMIT).files == unseal(body, sha256, max_size=LIMIT).files


@pytest.mark.parametrize("count", [1, 15, 16, 200, 65_535, 65_536])
def test_files_are_counted_as_they_are(count: int) -> None:
    body, sha256 = seal([file_of(b"")] * count, NOW)
    assert len(unseal(body, sha256, max_size=64 * LIMIT, max_files=count).files) == count
    with pytest.raises(PouchUnreadableError) as refused:
        unseal(body, sha256, max_size=64 * LIMIT, max_files=count - 1)
    assert refused.value.code == "too_many_documents"
    assert refused.value.facts["found"] == str(count)


def test_a_million_empty_files_are_refused_before_any_is_looked_at() -> None:
    count = 1_500_000
    one = msgspec.msgpack.encode(PouchFile("", bytes(32), b""))
    start = msgspec.msgpack.encode(1)
    stamp = msgspec.msgpack.encode(NOW)
    payload = b"\x93" + start + stamp + b"\xdd" + count.to_bytes(4, "big") + one * count
    body = frames.pack(payload, level=19)
    assert len(body) < 20_000
    began = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(PouchUnreadableError) as refused:
            unseal(body, hashlib.sha256(payload).hexdigest(), max_size=64 * LIMIT, max_files=2000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.code == "too_many_documents"
    assert peak < 3 * len(payload)
    # Fourteen seconds of processor once; a fifth of one now.
    assert time.process_time() - began < 3


def test_what_only_claims_many_files_is_no_pouch() -> None:
    payload = b"\x93\x01" + msgspec.msgpack.encode(NOW) + b"\xdd\xff\xff\xff\xff"
    body = frames.pack(payload)
    with pytest.raises(PouchUnreadableError) as refused:
        unseal(body, hashlib.sha256(payload).hexdigest(), max_size=LIMIT, max_files=2000)
    assert refused.value.code == "pouch_unreadable"


# ---- the contract with versions before the till's own witness ----


class OlderContact(msgspec.Struct, frozen=True):
    """``Contact`` as the server had it before a till counted its folder."""

    agent_version: str
    clock: datetime
    pending: int
    unproven: int
    refused: list[RefusedFile] = []
    synchronised: int | None = None
    structure: TillStructure | None = None


class OlderReply(msgspec.Struct, frozen=True):
    """``ContactReply`` as agents had it then."""

    server_version: str
    clock: datetime
    till: str
    skew_seconds: float
    resend: bool = False
    order: int = 0
    structure: StructureOrder | None = None


def test_an_older_server_reads_what_a_newer_agent_says() -> None:
    newer = Contact(
        "2",
        NOW,
        7,
        1,
        folder=FolderCount(9, 2, 7, 60.5),
        unsent_seconds=9.5,
        troubles=[TillTrouble("till_disk_full", 3.0, 1, 5, {"detail": "C:"})],
        lost=[LostSale("a.xml", "00")],
        days=[TillDay("2026-11-24", 1, 100, "ab", 3)],
        synchronised=5,
        structure=TillStructure(1, 2, "ab", 9, True),
        orders=[OrderProgress("synchronise", 5, "done"), OrderProgress("load", 6, "begun", 10, 100, "rows")],
    )
    read = msgspec.json.decode(msgspec.json.encode(newer), type=OlderContact)
    assert (read.pending, read.unproven, read.synchronised) == (7, 1, 5)
    assert read.structure is not None
    assert (read.structure.order, read.structure.done) == (9, True)
    assert msgspec.json.decode(msgspec.json.encode(newer), type=Contact) == newer


def test_a_newer_server_reads_what_an_older_agent_says_and_takes_nothing_for_said() -> None:
    older = OlderContact("1", NOW, 7, 1, [RefusedFile("a", 1, "file_too_large")], 3)
    read = msgspec.json.decode(msgspec.json.encode(older), type=Contact)
    assert (read.pending, read.refused, read.synchronised) == (7, older.refused, 3)
    assert (read.folder, read.unsent_seconds, read.troubles, read.lost, read.days) == (None, None, None, [], [])


def test_agents_and_servers_of_both_ages_read_each_other_s_replies() -> None:
    given = [Order("load", 7, "00", "11", payload="{}")]
    day = BusinessDay("America/Sao_Paulo")
    newer = ContactReply("2", NOW, "caixa1", 0.5, order=4, books=7, business_day=day, orders=given)
    assert msgspec.json.decode(msgspec.json.encode(newer), type=OlderReply).order == 4
    older = msgspec.json.decode(msgspec.json.encode(OlderReply("1", NOW, "caixa1", 0.5)), type=ContactReply)
    assert (older.books, older.business_day) == (None, None), "the agent keeps its days to itself"
    assert older.orders is None, "so it looks for orders where such a server puts them"


def test_an_order_and_what_comes_of_it_are_bounded() -> None:
    said = {"agent_version": "1", "clock": "2026-11-24T12:00:00Z", "pending": 0, "unproven": 0}
    one = {"kind": "load", "number": 1, "state": "begun"}
    for orders in ([one] * 41, [one | {"number": -1}], [one | {"state": "odd"}], [one | {"unit": "x" * 101}]):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(msgspec.json.encode(said | {"orders": orders}), type=Contact)


def test_every_part_of_an_order_is_signed() -> None:
    order = Order("load", 7, "00", "", 100)
    others = {"kind": "structure", "number": 8, "sha256": "01", "expires_at": 101}
    statements = [order_statement(3, msgspec.structs.replace(order, **{name: value})) for name, value in others.items()]
    assert len({order_statement(3, order), order_statement(4, order), *statements}) == 6


@pytest.mark.parametrize("day", ["2026-11-2", "20261124", "2026-11-24T00:00", "../../x"])
def test_a_day_is_a_day(day: str) -> None:
    said = {"agent_version": "1", "clock": "2026-11-24T12:00:00Z", "pending": 0, "unproven": 0}
    said["days"] = [{"day": day, "count": 0, "total": 0, "sha256": "", "turn": 0}]
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(said), type=Contact)
