"""A published structure applied to a till's outbox. Agents import this and what it needs, and nothing of the server.

The whole change is one transaction beside the capture, which waits for it: whatever happens, power cuts included, the
outbox is as before or as wanted. The copy made before is for a disk that damages the file.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from malote import durable, private
from malote.clock import CLOCK, Clock
from malote.disk import DISK, Disk
from malote.schema.definition import Structure, StructureError, fingerprint
from malote.schema.drift import differences
from malote.schema.plan import plan
from malote.schema.sqlite import SQLITE
from malote.schema.sqlite_look import SqliteProbe, look
from malote.schema.structure_reports import StructureDifference, StructurePlan

MARK = "structure"  # the fact in the outbox that says which structure was applied last
BACKUP_SUFFIX = ".before-structure"
_BUSY_SECONDS = 30.0
_ROOM = 4_000_000  # bytes that must stay free beside the copy


class UpdateMark(msgspec.Struct, frozen=True):
    version: int
    sha256: str


class Applied(msgspec.Struct, frozen=True):
    """``statements`` is 0 where nothing was missing."""

    statements: int
    seconds: float


def bring_up(path: Path, structure: Structure, sha256: str, *, disk: Disk = DISK, clock: Clock = CLOCK) -> Applied:
    """Adds to the outbox at ``path`` what it lacks, and marks it with the structure's hash.

    Raises ``StructureError`` (``structure_refused_here``, ``till_disk_full``), ``OSError`` and
    ``sqlite3.DatabaseError``; the outbox is then as it was. A copy from before stays beside it until ``forget_backup``.
    """
    began = clock.monotonic()
    with closing(_connect(path, disk)) as connection:
        steps = _plan(connection, structure).steps
        if steps:
            _back_up(connection, path, disk)
        connection.execute("BEGIN IMMEDIATE")
        try:
            done = complete(connection, structure, sha256, began=began, clock=clock)
            connection.execute("COMMIT")
        finally:
            # A full disk ends the transaction by itself.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        if steps:
            _prove_sound(connection)
    return Applied(done, clock.monotonic() - began)


def complete(
    connection: sqlite3.Connection,
    structure: Structure,
    sha256: str = "",
    *,
    began: float = 0.0,
    clock: Clock = CLOCK,
) -> int:
    """Within the caller's transaction: adds what is missing, and marks the outbox. How many statements it took.

    Raises ``StructureError`` ``structure_refused_here``, and ``sqlite3.DatabaseError``.
    """
    steps = _plan(connection, structure).steps
    for step in steps:
        connection.execute(step.sql)
    left = [one for one in _differences(connection, structure) if one.severity in ("missing", "conflict")]
    if left:
        raise _refused(left)
    mark = UpdateMark(structure.version, sha256 or fingerprint(structure))
    connection.execute(
        "INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)", (MARK, msgspec.json.encode(mark).decode())
    )
    if structure.table("structure_change") is not None:
        seconds = clock.monotonic() - began if began else 0.0
        connection.execute(
            "INSERT OR REPLACE INTO structure_change VALUES (?, ?, ?, ?, ?)",
            (mark.version, mark.sha256, clock.now(), seconds, len(steps)),
        )
    return len(steps)


def backup_of(path: Path) -> Path:
    return path.with_name(path.name + BACKUP_SUFFIX)


def forget_backup(path: Path, disk: Disk = DISK) -> None:
    """Once the outbox has proven sound. Raises ``OSError``."""
    backup = backup_of(path)
    if backup.exists():
        durable.remove(backup, disk=disk)


def _plan(connection: sqlite3.Connection, structure: Structure) -> StructurePlan:
    found = plan(structure, look(connection), _differences(connection, structure), SQLITE)
    if found.refused:
        raise _refused(found.refused)
    return found


def _differences(connection: sqlite3.Connection, structure: Structure) -> list[StructureDifference]:
    return differences(structure, look(connection), SQLITE, SqliteProbe(connection))


def _refused(lines: list[StructureDifference]) -> StructureError:
    named = [f"{one.table}.{one.name} ({one.code or one.what})" for one in lines]
    return StructureError("structure_refused_here", detail=", ".join(named)[:500])


def _back_up(connection: sqlite3.Connection, path: Path, disk: Disk) -> None:
    """A whole copy, on the disk when this returns."""
    (pages,), (size,) = (connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
    if disk.free_bytes(path.parent) < pages * size + _ROOM:
        raise StructureError("till_disk_full", detail=str(path.parent))
    aside = backup_of(path).with_name(f".{path.name}{BACKUP_SUFFIX}.tmp")
    try:
        private.claim(aside)
        with closing(sqlite3.connect(aside, isolation_level=None)) as copy:
            connection.backup(copy)
        durable.sync_file(aside, disk=disk)
        durable.move(aside, backup_of(path), disk=disk)
    finally:
        disk.remove(aside)


def _prove_sound(connection: sqlite3.Connection) -> None:
    """Reads the whole file once, beside the capture."""
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        error = sqlite3.DatabaseError(f"quick_check: {found}")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _connect(path: Path, disk: Disk) -> sqlite3.Connection:
    connection = disk.database(path, timeout=_BUSY_SECONDS, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    return connection
