"""The contract between versions: bytes that older versions wrote, read by this one, and what they would read of ours.

``wire_recorded/<version>/`` holds one message of each kind with every field set, written by that version's own code
(25b720d: the first that stores had; 43f8afe: the last before orders stood in one book). They are never changed; a
version that changes ``wire.py`` leaves its own behind before it does.
"""

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest

from malote import wire
from malote.sealing import unseal

RECORDED = Path(__file__).parent / "wire_recorded"
VERSIONS = sorted(path.name for path in RECORDED.iterdir())
MESSAGES: dict[str, type[msgspec.Struct]] = {
    "contact": wire.Contact,
    "contact_reply": wire.ContactReply,
    "pouch_reply": wire.PouchReply,
    "receipts_query": wire.ReceiptsQuery,
    "receipts_reply": wire.ReceiptsReply,
    "fault": wire.Fault,
}
AT = datetime(2026, 11, 20, 10, 30, 15, 250000, tzinfo=timezone(timedelta(hours=-3)))


def recorded(version: str, message: str) -> bytes:
    return (RECORDED / version / f"{message}.json").read_bytes()


def told(kept: Any, read: Any) -> bool:
    """Whether ``read`` says all that ``kept`` says, whatever it says beside it."""
    if isinstance(kept, dict):
        return isinstance(read, dict) and all(told(value, read.get(name)) for name, value in kept.items() if value)
    if isinstance(kept, list):
        return isinstance(read, list) and len(kept) == len(read) and all(map(told, kept, read))
    return bool(kept == read)


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_that_an_older_version_said_is_lost(version: str, message: str) -> None:
    said = recorded(version, message)
    read = msgspec.json.decode(said, type=MESSAGES[message])
    assert told(msgspec.json.decode(said), msgspec.json.decode(msgspec.json.encode(read)))


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("version", VERSIONS)
def test_what_an_older_version_looks_for_is_still_said(version: str, message: str) -> None:
    """Under the same name, at the same place: every field of it is one of ours. So ours may only be added to."""
    ours = {field.encode_name: field for field in msgspec.structs.fields(MESSAGES[message])}
    assert set(msgspec.json.decode(recorded(version, message))) <= set(ours)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_pouch_that_an_older_agent_sealed_is_opened(version: str) -> None:
    body = (RECORDED / version / "pouch.zst").read_bytes()
    sha256 = (RECORDED / version / "pouch.sha256").read_text("ascii").strip()
    pouch = unseal(body, sha256, max_size=1000)
    assert [(one.name, one.content) for one in pouch.files] == [("venda 7.xml", b"<nfeProc/>"), ("aç.xml", b"")]
    assert (pouch.version, pouch.sealed_at) == (wire.PROTOCOL_VERSION, AT)


def test_values_are_read_for_what_they_are() -> None:
    contact = msgspec.json.decode(recorded("43f8afe", "contact"), type=wire.Contact)
    assert (contact.clock, contact.pending, contact.unproven, contact.synchronised) == (AT, 7, 3, 4)
    assert contact.structure is not None
    assert (contact.structure.order, contact.structure.code) == (9, "structure_locked")
    assert [one.total for one in contact.days] == [38508]
    assert contact.orders is None, "an agent from before them"
    first = msgspec.json.decode(recorded("25b720d", "contact"), type=wire.Contact)
    assert (first.folder, first.troubles, first.days) == (None, None, []), "what it doesn't say is not taken for said"
    reply = msgspec.json.decode(recorded("43f8afe", "contact_reply"), type=wire.ContactReply)
    assert (reply.order, reply.books, reply.outside_total, reply.orders) == (4, 3, 6418, None)
    assert reply.limits == wire.PouchLimits(200, 8_000_000, 5_000_000)


def test_what_is_lost_would_be_noticed() -> None:
    assert not told({"a": {"b": 1}}, {"a": {"c": 1}})
    assert not told({"a": [1, 2]}, {"a": [1]})
    assert told({"a": 1, "b": None}, {"a": 1, "c": 2})
