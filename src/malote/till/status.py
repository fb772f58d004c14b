"""How the till stands, from its outbox alone: for `malote till status` and whatever shows it."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from malote.till import missing_in_erp
from malote.till.missing_in_erp import MissingInErp
from malote.till.outbox import Outbox
from malote.till.outbox_records import CaptureRefusal, OutboxCounts
from malote.till.server_line import ServerLine
from malote.till.unsent import oldest_unsent

_MOST_TROUBLES = 1000
_LOOKED_THROUGH = 50_000  # files captured last: rows stay for years, and nobody captures more out of order
# A time without a zone can't be compared with the others; the server passes it over too.
_LAST_ISSUED = """
    SELECT access_key, series, number, issued_at, total, state FROM document JOIN file ON file.id = file_id
    WHERE file_id > (SELECT coalesce(max(id), 0) FROM file) - ? AND kind = 'sale'
    AND coalesce(code, '') <> 'test_environment'
    ORDER BY CASE WHEN issued_at GLOB '*T*[+-]*' OR issued_at GLOB '*Z' THEN julianday(issued_at) END DESC,
    number DESC, file_id DESC, position DESC LIMIT 1
"""


class LastSale(msgspec.Struct, frozen=True):
    """The sale issued last, as on the server's pages. ``total`` in cents."""

    access_key: str | None
    series: int | None
    number: int | None
    issued_at: str | None
    total: int | None
    state: str


class TroubledFile(msgspec.Struct, frozen=True):
    """A file that waits for a person."""

    name: str
    state: str
    code: str | None
    message: str | None
    access_key: str | None
    sha256: str


class OutboxStatus(msgspec.Struct, frozen=True):
    """``oldest_pending_seconds`` counts from its capture. ``line`` is None before the first contact."""

    counts: OutboxCounts
    oldest_pending_seconds: float | None
    last_sale: LastSale | None
    troubles: list[TroubledFile]  # at most a thousand, the oldest first
    refused: list[CaptureRefusal]
    line: ServerLine | None
    passed_over: int = 0  # files from before the beginning (``cutover``), which are not sent
    outside: MissingInErp = MissingInErp()  # proven once, and no longer in the ERP

    @property
    def pending(self) -> int:
        """Files the server does not have yet."""
        return self.counts.captured + self.counts.held

    @property
    def empty(self) -> bool:
        return self.counts == OutboxCounts()


def status(path: Path, now: float) -> OutboxStatus | None:
    """How the till stands; None when there is no outbox yet. Raises ``OutboxError``."""
    try:
        outbox = Outbox(path, look_only=True)
    except FileNotFoundError:
        return None
    with outbox:
        line = outbox.noted("line")
        return OutboxStatus(
            counts=outbox.counts(),
            oldest_pending_seconds=oldest_unsent(outbox, now),
            last_sale=_last_sale(outbox),
            troubles=list(_troubles(outbox)),
            refused=outbox.refusals(),
            line=None if line is None else msgspec.json.decode(line, type=ServerLine),
            passed_over=outbox.passed_over(),
            outside=missing_in_erp.known(outbox),
        )


def _last_sale(outbox: Outbox) -> LastSale | None:
    found = outbox.rows(_LAST_ISSUED, (_LOOKED_THROUGH,))
    return next((LastSale(*row) for row in found), None)


def _troubles(outbox: Outbox) -> Iterator[TroubledFile]:
    found = outbox.rows(
        "SELECT name, state, code, message, (SELECT access_key FROM document WHERE file_id = file.id LIMIT 1), sha256"
        " FROM file WHERE state IN ('held', 'rejected') ORDER BY id LIMIT ?",
        (_MOST_TROUBLES,),
    )
    for name, state, code, message, access_key, sha256 in found:
        yield TroubledFile(name, state, code, message, access_key, sha256.hex())
