"""The outbox's SQLite file: opened with full sync, migrated forward, and its errors told apart by what they ask for."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from malote import durable, private
from malote.disk import DISK, Disk
from malote.explained_error import ExplainedError
from malote.schema.till_structure import TILL
from malote.schema.till_update import complete

BUSY_SECONDS = 30.0
_SMALLEST_ROOM = 65_536  # bytes that SQLite needs beside its file, at least

# One script per version of the schema; only ever add to the end.
MIGRATIONS = (
    """
    CREATE TABLE file (
        id INTEGER PRIMARY KEY,
        sha256 BLOB NOT NULL UNIQUE,
        path TEXT NOT NULL,
        name TEXT NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        content BLOB,
        captured_at REAL NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('captured', 'held', 'accepted', 'posted', 'rejected', 'discarded')),
        code TEXT,
        message TEXT,
        held_until REAL,
        asked_turn INTEGER NOT NULL DEFAULT 0,
        last_asked_at REAL,
        proven_at REAL,
        content_dropped_at REAL
    );
    CREATE INDEX file_by_state ON file (state, asked_turn);
    CREATE INDEX file_by_proof ON file (proven_at) WHERE content IS NOT NULL;

    CREATE TABLE document (
        file_id INTEGER NOT NULL REFERENCES file (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        kind TEXT,
        access_key TEXT,
        issuer TEXT,
        model TEXT,
        series INTEGER,
        number INTEGER,
        last_number INTEGER,
        issued_at TEXT,
        total INTEGER,
        PRIMARY KEY (file_id, position)
    ) WITHOUT ROWID;

    CREATE TABLE seen (
        path BLOB PRIMARY KEY,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        ctime_ns INTEGER NOT NULL,
        sha256 BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX seen_by_content ON seen (sha256);

    CREATE TABLE refused (
        path BLOB PRIMARY KEY,
        name TEXT NOT NULL,
        size INTEGER NOT NULL,
        code TEXT NOT NULL,
        facts TEXT NOT NULL,
        since REAL NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    """,
)

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_FULL = {sqlite3.SQLITE_FULL}
_AWAY = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}


class OutboxError(ExplainedError):
    """The outbox can't be used now. Nothing was changed."""


class OutboxDamagedError(OutboxError):
    """The file is no database any more, or not a whole one: set it aside and build another."""


Fault = Literal["damaged", "full", "away"]


def fault_of(error: sqlite3.DatabaseError, path: Path, disk: Disk = DISK) -> Fault | None:
    """What SQLite's error says of the file at ``path``; None: it is a fault of the program."""
    # The low byte is the primary code, the rest says more.
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code in _DAMAGED:
        return "damaged"
    # Where no byte is left, SQLite can't even make the files beside its own, and calls that something else.
    if code in _FULL or (code in _AWAY and _no_room(path, disk)):
        return "full"
    return "away" if code in _AWAY else None


@contextmanager
def told_apart(path: Path, disk: Disk = DISK) -> Iterator[None]:
    """Turns SQLite's errors that are no fault of the program into ``OutboxError``."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        match fault_of(error, path, disk):
            case "damaged":
                raise OutboxDamagedError("outbox_damaged", path=str(path)) from error
            case "full":
                raise OutboxError("till_disk_full", detail=str(path)) from error
            case "away":
                raise OutboxError("outbox_away", path=str(path), detail=str(error)) from error
            case None:
                raise


def failed(path: Path, error: OSError, disk: Disk = DISK) -> OutboxError:
    """What a file beside the outbox could not be written for."""
    if error.errno == errno.ENOSPC or _no_room(path, disk):
        return OutboxError("till_disk_full", detail=str(path))
    return OutboxError("outbox_away", path=str(path), detail=error.strerror or str(error))


def connect(path: Path, disk: Disk = DISK) -> sqlite3.Connection:
    """Opens the outbox, creating or migrating it first. One connection serves one thread. Raises ``OutboxError``."""
    with told_apart(path, disk):
        _claim(path)
        connection = disk.database(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            _prepare(connection)
            _migrate(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def _claim(path: Path) -> None:
    try:
        private.claim(path)
    except OSError as error:
        raise OutboxError("outbox_away", path=str(path), detail=error.strerror or str(error)) from error


def _no_room(path: Path, disk: Disk) -> bool:
    try:
        return disk.free_bytes(path.parent) < _SMALLEST_ROOM
    except OSError:
        return False


def connect_to_look(path: Path) -> sqlite3.Connection:
    """Opens an existing outbox for reading only. Raises ``OutboxError``, and ``FileNotFoundError`` for an empty one.

    Where a full disk leaves no room for the files beside it and no agent holds it, what stands in it itself is read.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    try:
        return _looking(path, "mode=ro")
    except OutboxError as error:
        if error.code != "till_disk_full":
            raise
        return _looking(path, "mode=ro&immutable=1")


def _looking(path: Path, how: str) -> sqlite3.Connection:
    with told_apart(path):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?{how}", uri=True, timeout=BUSY_SECONDS, isolation_level=None
        )
        try:
            connection.text_factory = _text
            version = _version(connection)
            _refuse_newer(version, path)
            if version == 0:
                raise FileNotFoundError(path)
        except BaseException:
            connection.close()
            raise
    return connection


def check(path: Path) -> None:
    """Reads the whole file once. Raises ``OutboxDamagedError``; a file that does not exist is fine."""
    if not path.exists():
        return
    with told_apart(path), closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise OutboxDamagedError("outbox_damaged", path=str(path))


def stamp(at: float) -> str:
    """What the name of a file that is set aside at a moment ends in, the later the greater. ``at``: seconds since the
    epoch."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%S%f")


def set_aside(path: Path, at: float, disk: Disk = DISK) -> Path:
    """Renames a damaged outbox with its log, and returns its new name. Raises ``OSError``."""
    aside = path.with_name(f"{path.name}.damaged-{stamp(at)}")
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            durable.move(part, aside.with_name(aside.name + suffix), disk=disk)
    return aside


def _prepare(connection: sqlite3.Connection) -> None:
    connection.text_factory = _text
    connection.execute("PRAGMA journal_mode = WAL")
    # A capture is acknowledged to nobody, but the POS may delete its file at any time: it must survive a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    if _version(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Read again: another process may have migrated while this one waited for the lock.
        version = _version(connection)
        _refuse_newer(version, path)
        for script in MIGRATIONS[version:]:
            for statement in script.split(";"):
                connection.execute(statement)
        if version == 0:
            # A new outbox has all that the agent knows of; one that is there gets it by a roll-out.
            complete(connection, TILL)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _refuse_newer(version: int, path: Path) -> None:
    if version > len(MIGRATIONS):
        raise OutboxError("outbox_newer", path=str(path), found=str(version), newest=str(len(MIGRATIONS)))


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _text(value: bytes) -> str:
    # A damaged page must not turn into an error that looks like the program's own.
    return value.decode("utf-8", "replace")
