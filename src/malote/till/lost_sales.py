"""What this till captured and can't bring back: the content was damaged on its disk, and the POS's file is gone.

Listed by number and value until the file is captured again, or the server says that it has it. Nothing of it rests on
the content: rows that could still be read tell what it was.
"""

from collections.abc import Iterable, Sequence

import msgspec

from malote import wire
from malote.till.outbox import Outbox
from malote.till.outbox_records import DocumentLine

MOST_KEPT = 10_000
_AT_ONCE = 500

_NOTED = "lost"
_HELD = """
    SELECT sha256, name, access_key, series, number, issued_at, total, captured_at
    FROM file LEFT JOIN document ON file_id = file.id AND position = 0
    WHERE state = 'held' AND code = 'content_damaged' AND content IS NULL ORDER BY file.id
"""


class LostFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """One file, as far as known; ``sha256`` in hex, "" where even that can't be read. ``total`` in cents.

    ``at``: when it was found lost, or captured; seconds since the epoch.
    """

    sha256: str
    name: str
    at: float
    access_key: str | None = None
    series: int | None = None
    number: int | None = None
    issued_at: str | None = None
    total: int | None = None


def lost(sha256: bytes, name: str, documents: Sequence[DocumentLine], at: float) -> LostFile:
    """A file, told by its first document."""
    line = documents[0] if documents else DocumentLine()
    return LostFile(sha256.hex(), name, at, line.access_key, line.series, line.number, line.issued_at, line.total)


def note(outbox: Outbox, found: Iterable[LostFile]) -> None:
    """Adds what a salvage could not bring back; what it named before it broke off stands once.

    Raises ``OutboxError``.
    """
    each = {(one.sha256, one.name): one for one in (*_noted(outbox), *found)}
    _keep(outbox, list(each.values()))


def all_of(outbox: Outbox) -> list[LostFile]:
    """Everything lost and not found again: what salvages left behind, then what was damaged in this outbox.

    Raises ``OutboxError``.
    """
    return [*left_behind(outbox), *(of_row(*row) for row in outbox.rows(_HELD))]


def left_behind(outbox: Outbox) -> list[LostFile]:
    """What salvages left behind, and is not here again. Raises ``OutboxError``."""
    noted = _noted(outbox)
    hashes, keys = _here(outbox, noted)
    return [one for one in noted if bytes.fromhex(one.sha256) not in hashes and one.access_key not in keys]


def to_ask(outbox: Outbox) -> list[bytes]:
    """Hashes to ask the server about: it may have had them before they were lost here. Raises ``OutboxError``."""
    return [bytes.fromhex(one.sha256) for one in all_of(outbox)[: wire.MAX_QUERY] if one.sha256]


def found_again(outbox: Outbox, hashes: Iterable[bytes]) -> None:
    """The server has these. Raises ``OutboxError``."""
    known = {sha256.hex() for sha256 in hashes}
    noted = _noted(outbox)
    if any(one.sha256 in known for one in noted):
        _keep(outbox, [one for one in noted if one.sha256 not in known])


def forget(outbox: Outbox) -> None:
    """A person has looked, and nothing more is told of what salvages left behind. Raises ``OutboxError``."""
    _keep(outbox, [])


def said(sale: LostFile) -> wire.LostSale:
    return wire.LostSale(
        sale.name,
        sale.sha256,
        (sale.access_key or "")[:100],
        _countable(sale.series),
        _countable(sale.number),
        (sale.issued_at or "")[:100],
        _countable(sale.total),
    )


def _countable(number: int | None) -> int | None:
    """Of a damaged row nothing is sure; the server takes no other number."""
    return number if number is not None and 0 <= number <= 2**53 else None


def of_row(
    sha256: bytes,
    name: str,
    access_key: str | None,
    series: int | None,
    number: int | None,
    issued_at: str | None,
    total: int | None,
    captured_at: float,
) -> LostFile:
    """As the columns of ``_HELD`` stand."""
    return LostFile(sha256.hex(), name, captured_at, access_key, series, number, issued_at, total)


def _here(outbox: Outbox, sales: Sequence[LostFile]) -> tuple[set[bytes], set[str]]:
    """Those of their files and keys that this outbox has."""
    hashes, keys = set[bytes](), set[str]()
    for start in range(0, len(sales), _AT_ONCE):
        some = sales[start : start + _AT_ONCE]
        marks = ", ".join("?" * len(some))
        files = f"SELECT sha256 FROM file WHERE sha256 IN ({marks})"  # noqa: S608
        hashes.update(sha256 for (sha256,) in outbox.rows(files, [bytes.fromhex(one.sha256) for one in some]))
        documents = f"SELECT access_key FROM document WHERE access_key IN ({marks})"  # noqa: S608
        keys.update(key for (key,) in outbox.rows(documents, [one.access_key for one in some]))
    return hashes, keys


def _noted(outbox: Outbox) -> list[LostFile]:
    noted = outbox.noted(_NOTED)
    return msgspec.json.decode(noted, type=list[LostFile]) if noted else []


def _keep(outbox: Outbox, found: list[LostFile]) -> None:
    outbox.note(_NOTED, found[-MOST_KEPT:])
