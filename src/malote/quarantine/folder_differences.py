"""What becomes of a difference between the folder of rejected files and the rows, one function for each kind."""

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec
from sqlalchemy import Connection

from malote import aside, durable
from malote import log as logs
from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.database.engine import reading, writing
from malote.quarantine import folder, index, job_store, rejected_files, safety, trash_files
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.folder import Names, SeenFile
from malote.quarantine.index import IndexRow
from malote.quarantine.rejected_files import DocumentPlace, place_of
from malote.quarantine.safety import Proofs
from malote.quarantine.step_failures import Failing
from malote.register import discarding
from malote.register.discarding import Discarding
from malote.spool import history
from malote.spool.history import FOLDER, HistoryLine
from malote.spool.state_changes import LockedDocument, lock_ids
from malote.tills.till import Till
from malote.wire import PouchFile

log = logs.get_logger("malote.quarantine")

_HAND = Actor(FOLDER)


class _New(msgspec.Struct, frozen=True):
    """A file that was put into the folder, or that took the place of another one."""

    seen: SeenFile
    content: bytes
    sha256: bytes


def found(parts: QuarantineParts, till: Till, seen: SeenFile, sha256: bytes) -> None:
    """A file that isn't, as it is, the file of a rejected document."""
    with reading(parts.engine) as connection:
        row = index.at(connection, till.id, seen.place) if seen.place is not None else None
    if row is not None and row.sha256 == sha256:
        _left_or_put_back(parts, row.id, seen)
        return
    if seen.signature.size > parts.max_file_bytes:
        _set_apart(parts, row.id if row else None, seen)
        return
    if seen.signature.size == 0 and row is None:
        return  # somebody may be about to write it
    new = _read(seen, sha256)
    if new is None:
        return
    if new.content:
        # Before anything else: from here on the bytes are durable.
        parts.take(till, [PouchFile(seen.path.name, sha256, new.content)])
    if row is None:
        _put_in(parts, till, new)
    else:
        _changed(parts, row.id, new)


def removed(parts: QuarantineParts, document_ids: Sequence[int]) -> None:
    """The files of rejected documents are gone: deletions, if they are safe ones; written again, if they aren't.

    In one transaction: of all, or of none.
    """
    proofs = Proofs(safety.grounds(parts, document_ids))
    now = parts.clock()
    with writing(parts.engine) as connection:
        gone = [one.id for one in lock_ids(connection, document_ids) if _is_gone(parts, connection, one)]
        grounds = proofs.still(connection, parts, gone)
        kept = [one for one in gone if one not in grounds]
        history.record(connection, [HistoryLine(one, "written_again") for one in kept], FOLDER, now)
        index.unkeep(connection, kept)
        discarding.discard(connection, [Discarding(one, why) for one, why in grounds.items()], FOLDER, now)
        lines = [HistoryLine(one, "removed_by_hand", {"grounds": why}) for one, why in grounds.items()]
        history.record(connection, lines, FOLDER, now)
        for one in grounds:
            _audit(connection, one, ("rejected", "discarded"), now)


def orphaned(parts: QuarantineParts, till: Till, sidecar: Path) -> None:
    """A sidecar without its document says nothing that the row doesn't."""
    place = place_of(sidecar.stem)
    if place is None:
        return
    with writing(parts.engine) as connection:
        row = index.at(connection, till.id, place)
        standings = lock_ids(connection, [row.id]) if row else []
        busy = bool(standings) and standings[0].state in ("rejected", "posting")
        if not busy and not sidecar.with_suffix(".xml").exists():
            durable.remove(sidecar)


def tidy_trash(parts: QuarantineParts, till: Till, names: Names | None, failing: Failing) -> None:
    """A till's folder in the trash follows the rows: what is in the trash lies there, what left it doesn't.

    ``names`` are those in the folder, None where there is none. A file that nobody put there by deleting is left alone.
    """
    lost = [row.id for row in index.in_trash(parts.engine, till.id) if not _lies_in(names, row) and row.kept]
    if lost:
        with writing(parts.engine) as connection:
            discarding.mark_moved(connection, lost, moved=False)
    for entry in names.strangers() if names is not None else ():
        place = place_of(entry.name[:-4])
        if place is None or not entry.name.endswith(".xml") or not entry.is_file(follow_symlinks=False):
            continue
        path = Path(entry.path)
        take_out = partial(_take_out, parts, till, place, path)
        failing.attempt(("trash", path), till.name, folder.shown(entry.name), take_out)


def _lies_in(names: Names | None, row: IndexRow) -> bool:
    return names is not None and names.take(f"{row.stem}.xml") and names.take(f"{row.stem}.json")


# ---- the kinds of differences ----


def _left_or_put_back(parts: QuarantineParts, document_id: int, seen: SeenFile) -> None:
    """The file of a document that isn't rejected: left over from before, or put back from the trash by hand."""
    now = parts.clock()
    with writing(parts.engine) as connection:
        (standing,) = lock_ids(connection, [document_id])
        if standing.state == "posting":
            return  # about to be rejected, perhaps: the next scan knows
        if standing.state == "rejected":
            _rename(parts, connection, document_id, seen)
            return
        if standing.state == "discarded":
            if not discarding.is_moved(connection, document_id):
                return  # on its way to the trash
            if _restore(connection, document_id, now):
                return
        _remove(seen)


def _rename(parts: QuarantineParts, connection: Connection, document_id: int, seen: SeenFile) -> None:
    """A rejected document's file has one name: another one is from before its key was known, or given by hand."""
    if trash_files.path_in(connection, parts.folder, document_id) != seen.path:
        _remove(seen)
        index.unkeep(connection, [document_id])


def _restore(connection: Connection, document_id: int, now: float) -> bool:
    if not discarding.restore(connection, [document_id]):
        return False
    job_store.leave_alone(connection, [document_id])
    history.record(connection, [HistoryLine(document_id, "restored_by_hand")], FOLDER, now)
    _audit(connection, document_id, ("discarded", "rejected"), now)
    return True


def _put_in(parts: QuarantineParts, till: Till, new: _New) -> None:
    """A file that was put into the folder is in the spool now; its documents have files of their own, if rejected."""
    now = parts.clock()
    with writing(parts.engine) as connection:
        rows = index.of_file(connection, till.id, new.sha256)
        standings = {one.id: one for one in lock_ids(connection, [row.id for row in rows])}
        named = [
            one.id
            for one in standings.values()
            if trash_files.path_in(connection, parts.folder, one.id) == new.seen.path
        ]
        if not named:
            facts = {"name": new.seen.path.name[:255].encode("utf-8", "replace").decode()}
            history.record(connection, [HistoryLine(one, "came_from_folder", facts) for one in standings], FOLDER, now)
        for one in standings.values():
            if one.state == "discarded":
                _restore(connection, one.id, now)
        # Renamed by hand, perhaps: each gets its own name again.
        index.unkeep(connection, standings)
        if not named or standings[named[0]].state not in ("rejected", "posting", "discarded"):
            _remove_if(new)


def _changed(parts: QuarantineParts, document_id: int, new: _New) -> None:
    """The original is written again in its place; the new bytes are a file of their own by now."""
    now = parts.clock()
    with writing(parts.engine) as connection:
        (standing,) = lock_ids(connection, [document_id])
        if standing.state == "posting":
            return
        history.record(
            connection, [HistoryLine(document_id, "changed_by_hand", {"sha256": new.sha256.hex()})], FOLDER, now
        )
        _remove_if(new)
        if standing.state == "rejected":
            index.unkeep(connection, [document_id])


def _set_apart(parts: QuarantineParts, document_id: int | None, seen: SeenFile) -> None:
    """A file too large to be read, where a document's file should be: it keeps its bytes under another name."""
    if document_id is None:
        rejected_files.set_aside(seen.path)
        return
    now = parts.clock()
    with writing(parts.engine) as connection:
        (standing,) = lock_ids(connection, [document_id])
        if standing.state == "posting":
            return
        aside = rejected_files.set_aside(seen.path)
        facts = {"name": aside.name if aside else seen.path.name}
        history.record(connection, [HistoryLine(document_id, "changed_by_hand", facts)], FOLDER, now)
        index.unkeep(connection, [document_id])


def _is_gone(parts: QuarantineParts, connection: Connection, standing: LockedDocument) -> bool:
    """Whether the document is still rejected, its file was written, and is there no more."""
    row = index.by_id(connection, standing.id)
    named = trash_files.named(connection, standing.id)
    names = {named.access_key, None}
    paths = [rejected_files.path_of(parts.folder, msgspec.structs.replace(named, access_key=name)) for name in names]
    # Without the till's folder nothing can be concluded: it may be on a drive that went away.
    home = paths[0].parent
    return standing.state == "rejected" and row.kept and home.is_dir() and not any(path.exists() for path in paths)


def _take_out(parts: QuarantineParts, till: Till, place: DocumentPlace, path: Path) -> None:
    """A file in the trash's folder whose document left the trash."""
    with writing(parts.engine) as connection:
        row = index.at(connection, till.id, place)
        standings = lock_ids(connection, [row.id]) if row else []
        if not row or not standings or rejected_files.hash_of(path) != row.sha256:
            return
        if standings[0].state != "discarded" or discarding.is_purged(connection, row.id):
            _unlink(path)


# ---- files ----


def _read(seen: SeenFile, sha256: bytes) -> _New | None:
    """The file's bytes, if they still are what was looked at."""
    try:
        content = seen.path.read_bytes()
    except FileNotFoundError:
        return None
    return _New(seen, content, sha256) if hashlib.sha256(content).digest() == sha256 else None


def _remove_if(new: _New) -> None:
    """Removes the file, unless it was written to meanwhile: then the next scan meets it."""
    if rejected_files.hash_of(new.seen.path) == new.sha256:
        _remove(new.seen)


def _remove(seen: SeenFile) -> None:
    _unlink(seen.path)


def _unlink(path: Path) -> None:
    durable.remove(path)
    aside.forget(path)
    sidecar = path.with_suffix(".json")
    if place_of(path.stem) is not None and sidecar.exists():
        durable.remove(sidecar)


def _audit(connection: Connection, document_id: int, states: tuple[str, str], now: float) -> None:
    action = "rejected_deleted" if states[1] == "discarded" else "rejected_restored"
    before, after = ({"state": state} for state in states)
    audit.record(connection, _HAND, action, f"document:{document_id}", before=before, after=after, now=now)
