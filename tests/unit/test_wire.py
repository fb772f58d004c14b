"""Pouches: sealed, opened, and refused when anything in them is not what it claims."""

import hashlib
import tracemalloc
from datetime import UTC, datetime

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from malote.wire import Pouch, PouchFile, PouchUnreadableError, seal, unseal

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
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(300_000_000))
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
