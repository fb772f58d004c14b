"""What a consumer is told of a document's times."""

from datetime import UTC, datetime

import msgspec

from malote.consumers.lines import Telling, line_of
from malote.fiscal import reader
from malote.spool.feed import Change
from tests.unit.fiscal.notes import build_note


def test_all_times_are_by_the_clock_of_the_document() -> None:
    document = reader.read(build_note())[0].document
    assert document is not None
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(document), type=type(document))  # in UTC, as it is packed
    at = datetime(2026, 11, 21, 2, 0, tzinfo=UTC).timestamp()
    issued_at = "2026-11-20T10:30:15-03:00"
    change = Change(
        1, "booked", None, at, 1, 1, 0, "caixa1", "sale", None, None, None, None, None, issued_at,
        None, b"", 0, True, False,
    )  # fmt: skip
    line = line_of(Telling(), change, kept, "booked", "")
    assert line.issued_at == "2026-11-20T10:30:15-03:00"
    assert line.protocol is not None
    assert line.protocol.at == "2026-11-20T10:30:15-03:00"
    assert line.state_at == "2026-11-20T23:00:00-03:00"
    unread = msgspec.structs.replace(change, issued_at=None)
    assert line_of(Telling(), unread, None, "rejected", "").state_at == "2026-11-21T02:00:00+00:00"
