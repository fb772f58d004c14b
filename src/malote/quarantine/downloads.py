"""The files of many documents, one after the other: however many are chosen, one pouch is open at a time."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from malote import log as logs
from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.database.chunks import chunks
from malote.database.engine import reading, writing
from malote.database.errors import StoreError
from malote.database.tables import document as documents
from malote.quarantine import candidates
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.quarantine_reports import Selection
from malote.register import contents

log = logs.get_logger("malote.quarantine")


class Taken(msgspec.Struct, frozen=True):
    """One file as the till sent it; ``content`` is None where it is kept no more, or can't be opened."""

    document_id: int  # the first chosen one of the file
    file_name: str  # as the till called it
    content: bytes | None


def take(parts: QuarantineParts, selection: Selection, actor: Actor) -> Iterator[Taken]:
    """The files of what is chosen, each once, by arrival. That they were asked for is in the audit trail by then.

    Raises ``StoreError``, also while one goes through them.
    """
    with writing(parts.engine) as connection:
        ids = _chosen(connection, selection)
        on, after = f"till:{selection.till}", {"documents": len(ids)}
        audit.record(connection, actor, "documents_downloaded", on, after=after, now=parts.clock())
    return _files(parts, ids)


def _chosen(connection: Connection, selection: Selection) -> list[int]:
    """What was named by its ids is taken whatever became of it since."""
    found = candidates.find(connection, selection, "rejected")
    return sorted([*found.ids, *found.moved_on])


def _files(parts: QuarantineParts, ids: list[int]) -> Iterator[Taken]:
    given: set[bytes] = set()
    columns = (documents.c.id, documents.c.pouch_id, documents.c.file_sha256, documents.c.file_name)
    for chunk in chunks(ids):
        with reading(parts.engine) as connection:
            query = select(*columns).where(documents.c.id.in_(chunk)).order_by(documents.c.pouch_id, documents.c.id)
            rows = connection.execute(query).all()
        for _, group in groupby(rows, key=lambda row: row.pouch_id):
            # One file may hold several documents.
            first = {bytes(row.file_sha256): row for row in reversed(list(group))}
            fresh = {sha256: row for sha256, row in first.items() if sha256 not in given}
            given |= fresh.keys()
            yield from _of_pouch(parts, {row.id: row for row in reversed(fresh.values())})


def _of_pouch(parts: QuarantineParts, rows: dict[int, Any]) -> Iterator[Taken]:
    left = dict(rows)
    try:
        for document_id, _, content in contents.of_documents(parts.engine, rows):
            yield Taken(document_id, left.pop(document_id).file_name, content)
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - a pouch that can't be opened holds back no other
        log.warning("pouch_not_opened", reason=type(error).__name__)
    yield from (Taken(row.id, row.file_name, None) for row in left.values())
