"""The files on disk brought to where the rows say: what was deleted into the trash, what was restored out of it.

Every step looks at the row again under its lock, so that it may run at any time, in several processes, after a crash.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, select

from malote import log as logs
from malote.database.engine import writing
from malote.database.errors import StoreError
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.quarantine import groups, rejected_files
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.rejected_files import FileNaming
from malote.quarantine.step_failures import Failing
from malote.register import discarding, rejected_handover
from malote.register.rejected_handover import Waiting
from malote.spool.documents import RejectedDocument
from malote.spool.state_changes import lock_ids

log = logs.get_logger("malote.quarantine")


def follow(parts: QuarantineParts) -> None:
    """Brings the files to their places now; what can't be done now is done by the next look at the folder."""
    try:
        settle(parts, Failing())
    except (StoreError, OSError) as error:
        log.warning("files_follow_later", reason=type(error).__name__)


def settle(parts: QuarantineParts, failing: Failing) -> None:
    """Writes what is rejected into its folder, and moves what was deleted into the trash.

    Together, and then one by one what is left: a document that can't be brought to its place holds back no other;
    ``failing`` tells it. Raises ``StoreError``, and ``OSError`` for trouble that all files meet alike.
    """
    if not groups.settle(parts):
        return
    put_back = partial(_put_back, parts)
    _each(
        partial(rejected_handover.unkept, parts.engine, 100),
        failing,
        lambda one, rejected: rejected_handover.keep(parts.engine, one, rejected, put_back),
    )
    _each(partial(discarding.unmoved, parts.engine, 100), failing, partial(_to_trash, parts))


def _each(
    waiting: Callable[[int], Sequence[Waiting]], failing: Failing, act: Callable[[int, RejectedDocument], bool]
) -> None:
    after = 0
    while found := waiting(after):
        for document_id, rejected in found:
            after = document_id
            if isinstance(rejected, Exception):
                failing.attempt(document_id, "", f"#{document_id}", partial(_raise, rejected))
            else:
                name = f"{rejected_files.stem(rejected.access_key, rejected.file_sha256, rejected.position)}.xml"
                failing.attempt(document_id, rejected.till, name, partial(act, document_id, rejected))


def _raise(error: Exception) -> None:
    raise error


def drop(parts: QuarantineParts, document_ids: Iterable[int]) -> None:
    """Removes the files of documents that are no longer rejected; raises ``StoreError``, ``OSError``."""
    for document_id in document_ids:
        with writing(parts.engine) as connection:
            standings = lock_ids(connection, [document_id])
            # One that is being posted may be rejected at this moment, and its file written already.
            if standings and standings[0].state in ("accepted", "waiting", "posted", "kept"):
                rejected_files.remove(parts.folder, named(connection, document_id))


def named(connection: Connection, document_id: int) -> FileNaming:
    """What the files of a document are called by."""
    query = (
        select(tills.c.name, documents.c.access_key, documents.c.file_sha256, documents.c.position)
        .join_from(documents, tills, documents.c.till_id == tills.c.id)
        .where(documents.c.id == document_id)
    )
    row = connection.execute(query).one()
    return FileNaming(row.name, row.access_key, bytes(row.file_sha256), row.position)


def path_in(connection: Connection, folder: Path, document_id: int) -> Path:
    """Where the document is in a folder, or would be."""
    return rejected_files.path_of(folder, named(connection, document_id))


def _put_back(parts: QuarantineParts, rejected: RejectedDocument) -> None:
    """Into the folder of rejected files, and out of the trash, if it was there."""
    rejected_files.keep(parts.folder, rejected)
    rejected_files.remove(parts.trash, rejected_files.named(rejected))


def _to_trash(parts: QuarantineParts, document_id: int, rejected: RejectedDocument) -> bool:
    with writing(parts.engine) as connection:
        (standing,) = lock_ids(connection, [document_id])
        if standing.state != "discarded":
            return False
        rejected_files.move(parts.folder, parts.trash, rejected)
        discarding.mark_moved(connection, [document_id])
    return True
