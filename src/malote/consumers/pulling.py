"""A consumer that asks: the next page of what happened, or one sale by its key."""

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Engine, select

from malote.consumers.lines import SaleTold, State, Telling, line_of, lines_of
from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.register.reopening import ExtractedPlace, reopened
from malote.spool import feed
from malote.spool.feed import Change

LARGEST_PAGE = 4_000_000  # bytes, but at least one line
MOST_LINES = 1000
MOST_OF_ONE_KEY = 50  # documents looked at for one key

_NOW: dict[str, State] = {
    "accepted": "pending", "posting": "pending", "waiting": "waiting", "rejected": "rejected", "discarded": "deleted",
    "kept": "kept",
}  # fmt: skip
_POSTED: dict[str | None, State] = {"cancellation": "cancelled", "number_void": "voided", "answer": "authorised"}
# Which of several files with one key says how the sale stands.
_FIRST = ("posted", "posting", "accepted", "waiting", "kept", "rejected", "discarded")


class Page(msgspec.Struct, frozen=True):
    """``body``: JSON Lines, each ending in a line feed. ``cursor``: where to go on; as asked where nothing is new.

    ``first`` and ``last``: the numbers of the lines, 0 where there are none.
    """

    body: bytes
    count: int
    cursor: str
    first: int
    last: int
    asked_after: int


def page(engine: Engine, telling: Telling, cursor: str, limit: int) -> Page:
    """The next lines after a cursor: at most ``limit``, and not many more bytes than ``LARGEST_PAGE``.

    Raises ``CursorError``, ``StoreError``.
    """
    after = feed.position(engine, cursor)
    feed.number(engine)
    pieces: list[bytes] = []
    last: Change | None = None
    first = 0
    for change, encoded in _encoded(engine, telling, feed.changes(engine, after, min(limit, MOST_LINES))):
        pieces += (encoded, b"\n")
        first = first or change.number
        last = change
    return Page(
        b"".join(pieces), len(pieces) // 2, last.cursor if last else cursor, first, last.number if last else 0, after
    )


def sale(engine: Engine, telling: Telling, access_key: str) -> SaleTold | None:
    """How the sale of a key stands now; None where nothing of that key is here. Raises ``StoreError``."""
    found = _of_key(engine, access_key)
    sales = [one for one in found if one[0].kind == "sale"] or found
    if not sales:
        return None
    chosen, state = min(sales, key=lambda one: _FIRST.index(one[1]))
    ((_, document),) = reopened(engine, [ExtractedPlace(chosen.document_id, chosen.pouch_id, chosen.extracted_index)])
    cancelled = any(one.kind == "cancellation" and state == "posted" for one, state in found)
    return line_of(telling, chosen, document, standing(chosen, state, cancelled=cancelled), "")


def _encoded(engine: Engine, telling: Telling, changes: list[Change]) -> Iterator[tuple[Change, bytes]]:
    size = 0
    for change, line in lines_of(engine, telling, changes):
        encoded = _encoder.encode(line)
        size += len(encoded)
        if size > LARGEST_PAGE and size > len(encoded):
            return
        yield change, encoded


def standing(one: Change, state: str, *, cancelled: bool) -> State:
    """How a document stands now. ``cancelled``: whether the sale of its key is."""
    if state == "posted":
        return "cancelled" if cancelled else _POSTED.get(one.kind, "booked")
    return "taken_back" if one.code == "taken_back" else _NOW[state]


def _of_key(engine: Engine, access_key: str) -> list[tuple[Change, str]]:
    """The documents of a key as changes without a number, each with its state now, in order of arrival."""
    query = (
        select(*columns())
        .select_from(documents.join(tills, tills.c.id == documents.c.till_id))
        .where(documents.c.access_key == access_key)
        .order_by(documents.c.id)
        .limit(MOST_OF_ONE_KEY)
    )
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    return [(change_of(row), row.state) for row in rows]


def change_of(row: Any) -> Change:
    """A row of ``columns`` as a change without a number."""
    at = row.settled_at if row.settled_at is not None else row.accepted_at
    return Change(
        0, "kept", row.reason_code, at, row.id, row.pouch_id, row.extracted_index, row.till, row.kind, row.access_key,
        row.model, row.issuer, row.series, row.number, row.issued_at, row.total, row.file_sha256, row.position,
        row.authorised, row.duplicate,
    )  # fmt: skip


def columns() -> tuple[Any, ...]:
    """What is known of a document, and of its till."""
    return _COLUMNS


_COLUMNS = (
    *(
        documents.c[name]
        for name in (
            "id", "pouch_id", "extracted_index", "kind", "access_key", "model", "issuer", "series", "number",
            "issued_at", "total", "file_sha256", "position", "authorised", "duplicate", "state", "reason_code",
            "settled_at", "accepted_at",
        )
    ),
    tills.c.name.label("till"),
)  # fmt: skip
_encoder = msgspec.json.Encoder()
