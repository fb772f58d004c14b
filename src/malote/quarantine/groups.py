"""Files of many documents brought to their places together: one transaction, and one sync of each folder.

Where one can't be brought to its place, its group is left to ``trash_files``, one by one.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, select

from malote import durable, incidents
from malote import log as logs
from malote.database.engine import writing
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.quarantine import rejected_files
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.rejected_files import FileNaming
from malote.register import discarding, rejected_handover
from malote.register.rejected_handover import Waiting
from malote.spool.documents import RejectedDocument
from malote.spool.state_changes import lock_ids
from malote.spool.states import State
from malote.tills.till import TillError

log = logs.get_logger("malote.quarantine")

GROUP = 100  # documents whose rows are locked while their files move


def settle(parts: QuarantineParts) -> bool:
    """Brings the files of all that was deleted, restored or not written yet to their places; whether there were any.

    A group in which one file stands in the way is left to ``trash_files``. Raises ``StoreError``, and ``OSError`` for
    trouble that all files meet alike.
    """
    deleted = _each(partial(discarding.unmoved, parts.engine, GROUP), partial(_throw_away, parts))
    unkept = _each(partial(rejected_handover.unkept, parts.engine, GROUP), partial(_put_back, parts))
    return deleted or unkept


def _each(waiting: Callable[[int], Sequence[Waiting]], act: Callable[[dict[int, RejectedDocument]], None]) -> bool:
    after = 0
    while found := waiting(after):
        after = found[-1][0]
        try:
            act({one: rejected for one, rejected in found if isinstance(rejected, RejectedDocument)})
        except (TillError, OSError) as error:
            if isinstance(error, OSError) and incidents.is_of_the_machine(error):
                raise
            log.warning("files_follow_one_by_one", reason=type(error).__name__)
    return after > 0


def _throw_away(parts: QuarantineParts, waiting: dict[int, RejectedDocument]) -> None:
    with writing(parts.engine) as connection:
        ids = [one.id for one in lock_ids(connection, waiting) if one.state == "discarded"]
        with durable.grouped():
            for document_id in ids:
                rejected_files.move(parts.folder, parts.trash, waiting[document_id])
        discarding.mark_moved(connection, ids)


def _put_back(parts: QuarantineParts, waiting: dict[int, RejectedDocument]) -> None:
    """Out of the trash, or written anew; what lies in its folder already is only marked as kept."""
    with writing(parts.engine) as connection:
        codes = {one.id: one.reason_code for one in lock_ids(connection, waiting) if one.state == "rejected"}
        same = {
            one: waiting[one] for one, code in codes.items() if (code or "unknown_reason") == waiting[one].reason.code
        }
        back = {one: rejected_files.named(doc) for one, doc in same.items() if rejected_files.is_kept(parts.trash, doc)}
        there = {one for one, doc in same.items() if one not in back and rejected_files.is_kept(parts.folder, doc)}
        moved = _renamed(back, parts.trash, parts.folder)
        for home in {rejected_files.path_of(parts.folder, rejected_files.named(same[one])).parent for one in there}:
            # Whoever wrote them may have died before the folder was synced.
            durable.sync_folder(home)
        anew = [doc for one, doc in same.items() if one not in there and one not in moved]
        rejected_files.keep_all(parts.folder, anew)
        with durable.grouped():
            for doc in anew:
                rejected_files.remove(parts.trash, rejected_files.named(doc))
        rejected_handover.mark(connection, same, kept=True)


def drop(parts: QuarantineParts, document_ids: Sequence[int]) -> None:
    """Removes the files of documents that are no longer rejected. Raises ``StoreError``, ``TillError``, ``OSError``."""
    for group in _groups(document_ids):
        with writing(parts.engine) as connection, durable.grouped():
            # One that is being posted may be rejected at this moment, and its file written already.
            for named in _in_state(connection, group, {"accepted", "waiting", "posted"}).values():
                rejected_files.remove(parts.folder, named)


def _groups(document_ids: Sequence[int]) -> Iterator[Sequence[int]]:
    ordered = sorted(set(document_ids))
    return (ordered[start : start + GROUP] for start in range(0, len(ordered), GROUP))


def _in_state(connection: Connection, ids: Sequence[int], states: set[State]) -> dict[int, FileNaming]:
    """What the files of those that are in one of the states are called by; their rows are locked."""
    chosen = [one.id for one in lock_ids(connection, ids) if one.state in states]
    query = (
        select(documents.c.id, tills.c.name, documents.c.access_key, documents.c.file_sha256, documents.c.position)
        .join_from(documents, tills, documents.c.till_id == tills.c.id)
        .where(documents.c.id.in_(chosen))
    )
    rows = connection.execute(query)
    return {row.id: FileNaming(row.name, row.access_key, bytes(row.file_sha256), row.position) for row in rows}


def _renamed(named: dict[int, FileNaming], source: Path, target: Path) -> list[int]:
    """Those whose two files went from one folder to the other, and are there durably."""
    moved: list[int] = []
    with durable.grouped():
        for document_id, one in named.items():
            before, after = rejected_files.path_of(source, one), rejected_files.path_of(target, one)
            sidecar = before.with_suffix(".json")
            if not sidecar.is_file() or after.exists() or rejected_files.hash_of(before) != one.file_sha256:
                continue
            durable.make_folder(after.parent)
            # Where a sidecar stands, its document stands beside it.
            durable.move(before, after)
            durable.move(sidecar, after.with_suffix(".json"))
            moved.append(document_id)
    return moved
