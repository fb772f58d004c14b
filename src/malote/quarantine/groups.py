"""Files of many documents brought to their places together: one transaction, and one sync of each folder.

What is not as it should be (a file that somebody changed, or that isn't there) is left to ``files``, one by one.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import structlog
from sqlalchemy import Connection, select, update

from malote import durable
from malote.accounts.tills import TillError
from malote.database.engine import writing
from malote.database.errors import StoreError
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.quarantine import files, keeping
from malote.quarantine.keeping import Named
from malote.quarantine.parts import Parts
from malote.spool import discarding
from malote.spool.moving import lock_ids
from malote.spool.states import State

GROUP = 100  # documents whose rows are locked while their files move

log = structlog.get_logger("malote.quarantine")


def to_trash(parts: Parts, document_ids: Sequence[int]) -> None:
    """Of deleted documents: out of the folder of rejected files, into the trash."""

    def move(connection: Connection, named: dict[int, Named]) -> list[int]:
        moved = _renamed(named, parts.folder, parts.trash)
        discarding.mark_moved(connection, moved)
        return moved

    _each(parts, document_ids, "discarded", move)


def from_trash(parts: Parts, document_ids: Sequence[int]) -> None:
    """Of restored documents: out of the trash, into the folder of rejected files."""

    def move(connection: Connection, named: dict[int, Named]) -> list[int]:
        moved = _renamed(named, parts.trash, parts.folder)
        connection.execute(update(documents).where(documents.c.id.in_(moved)).values(kept=True))
        return moved

    _each(parts, document_ids, "rejected", move)


def _each(
    parts: Parts, document_ids: Sequence[int], state: State, move: Callable[[Connection, dict[int, Named]], list[int]]
) -> None:
    """What can't be done so is done one by one, and what can't be done now by the next look at the folder."""
    left = 0
    try:
        for group in _groups(document_ids):
            with writing(parts.engine) as connection:
                named = _in_state(connection, group, {state})
                left += len(named) - len(move(connection, named))
    except (StoreError, TillError, OSError) as error:
        log.warning("files_follow_later", reason=type(error).__name__)
    else:
        if left:
            files.follow(parts)


def drop(parts: Parts, document_ids: Sequence[int]) -> None:
    """Removes the files of documents that are no longer rejected. Raises ``StoreError``, ``TillError``, ``OSError``."""
    for group in _groups(document_ids):
        with writing(parts.engine) as connection, durable.grouped():
            # One that is being posted may be rejected at this moment, and its file written already.
            for named in _in_state(connection, group, {"accepted", "waiting", "posted"}).values():
                keeping.remove(parts.folder, named)


def _groups(document_ids: Sequence[int]) -> Iterator[Sequence[int]]:
    ordered = sorted(set(document_ids))
    return (ordered[start : start + GROUP] for start in range(0, len(ordered), GROUP))


def _in_state(connection: Connection, ids: Sequence[int], states: set[State]) -> dict[int, Named]:
    """What the files of those that are in one of the states are called by; their rows are locked."""
    chosen = [one.id for one in lock_ids(connection, ids) if one.state in states]
    query = (
        select(documents.c.id, tills.c.name, documents.c.access_key, documents.c.file_sha256, documents.c.position)
        .join_from(documents, tills, documents.c.till_id == tills.c.id)
        .where(documents.c.id.in_(chosen))
    )
    rows = connection.execute(query)
    return {row.id: Named(row.name, row.access_key, bytes(row.file_sha256), row.position) for row in rows}


def _renamed(named: dict[int, Named], source: Path, target: Path) -> list[int]:
    """Those whose two files went from one folder to the other, and are there durably."""
    moved: list[int] = []
    with durable.grouped():
        for document_id, one in named.items():
            before, after = keeping.path_of(source, one), keeping.path_of(target, one)
            sidecar = before.with_suffix(".json")
            if not sidecar.is_file() or after.exists() or keeping.hash_of(before) != one.file_sha256:
                continue
            durable.make_folder(after.parent)
            # Where a sidecar stands, its document stands beside it.
            durable.move(before, after)
            durable.move(sidecar, after.with_suffix(".json"))
            moved.append(document_id)
    return moved
