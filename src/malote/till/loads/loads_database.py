"""``loads.sqlite3`` beside the outbox: rows of the loads, in tables that the POS reads through views.

Nothing in it is the only copy: a damaged one is set aside, and a full load makes it anew. Names of the room's own
tables begin with an underscore, which no entity's does.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from malote import durable, private
from malote.disk import DISK, Disk
from malote.explained_error import ExplainedError
from malote.till import storage
from malote.till.loads import obstacles

FILE = "loads.sqlite3"
PATIENCE_SECONDS = 0.5  # for a lock that the POS holds: sales are sent meanwhile
_LONGEST_LOG = 16_000_000  # bytes of the write-ahead log that stay after a large load
UNUSABLE = "loads_unusable"  # what SQLite refuses for a reason that isn't known
_DAMAGED = ".damaged-"
_PARTS = ("", "-wal", "-shm", "-journal")  # the files that SQLite has of it

_VERSION = 1
_TABLES = """
    CREATE TABLE _entity (
        name TEXT PRIMARY KEY,
        declaration BLOB NOT NULL,
        place INTEGER NOT NULL UNIQUE,
        version INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        actual TEXT NOT NULL,
        row_count INTEGER NOT NULL,
        applied_at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE _bucket (
        entity TEXT NOT NULL,
        number INTEGER NOT NULL,
        hash BLOB NOT NULL,
        PRIMARY KEY (entity, number)
    ) WITHOUT ROWID;
    CREATE TABLE _applied (
        id INTEGER PRIMARY KEY,
        version INTEGER NOT NULL,
        version_before INTEGER NOT NULL,
        rolled_back_from INTEGER NOT NULL,
        order_number INTEGER NOT NULL,
        changed INTEGER NOT NULL,
        emergency INTEGER NOT NULL,
        at INTEGER NOT NULL
    );
    CREATE TABLE _undo_entity (
        applied INTEGER NOT NULL,
        name TEXT NOT NULL,
        before BLOB,
        PRIMARY KEY (applied, name)
    ) WITHOUT ROWID;
    CREATE TABLE _undo_row (
        applied INTEGER NOT NULL,
        name TEXT NOT NULL,
        key BLOB NOT NULL,
        before BLOB,
        PRIMARY KEY (applied, name, key)
    ) WITHOUT ROWID;
    CREATE VIEW _load AS
        SELECT name AS entity, version, row_count AS "rows", sha256, applied_at FROM _entity;
"""
_OWN_NAMES = frozenset(re.findall(r"CREATE (?:TABLE|VIEW) (\w+)", _TABLES))
# Beside the version's tables, so that an older agent goes on with the file. ``_now``: one row, by which the views of
# dated rows go; ``server_time`` says what it is made of.
_CLOCK = """
    CREATE TABLE _clock (
        skew INTEGER NOT NULL,
        zone_shift INTEGER NOT NULL,
        not_before INTEGER NOT NULL
    );
    INSERT INTO _clock VALUES (0, 0, 0);
    CREATE VIEW _now AS
        SELECT
            at,
            strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch') AS instant,
            date(at + zone_shift, 'unixepoch', 'localtime') AS day
        FROM (
            SELECT max(CAST(strftime('%s', 'now') AS INTEGER) - skew, not_before) AS at, zone_shift FROM _clock
        );
"""


class LoadsError(ExplainedError):
    """The loads database can't be used now. Nothing was changed."""


class LoadsDamagedError(LoadsError):
    """The file is no database any more, not a whole one, one of something else, or no file at all: it is to be set
    aside."""

    def facts_of(self, aside: Path) -> dict[str, str]:
        """What is said of it once it was set aside there: where the file is now, or what stood in its place."""
        return {**self.facts, "path": str(aside)} if self.code == "loads_damaged" else dict(self.facts)


def _is_no_text(error: sqlite3.DatabaseError) -> bool:
    """A text of the file that is none: of Python's own, and so without a code of SQLite's."""
    return isinstance(error, sqlite3.OperationalError) and getattr(error, "sqlite_errorcode", None) is None


def path_beside(outbox: Path) -> Path:
    return outbox.with_name(FILE)


@contextmanager
def told_apart(path: Path, disk: Disk = DISK) -> Iterator[None]:
    """Turns SQLite's errors into ``LoadsError``."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if _is_no_text(error):
            raise LoadsDamagedError("loads_damaged", path=str(path)) from error
        match storage.fault_of(error, path, disk):
            case "damaged":
                raise LoadsDamagedError("loads_damaged", path=str(path)) from error
            case "full":
                raise LoadsError("loads_no_room", folder=str(path.parent)) from error
            case "away":
                _refuse_obstacle(error, path)
                raise LoadsError("loads_away", path=str(path), detail=str(error)) from error
            case None:  # nobody thought of it: the loads stand still, and sales go up
                raise LoadsError(UNUSABLE, path=str(path), detail=str(error)) from error


def _refuse_obstacle(error: sqlite3.DatabaseError, path: Path) -> None:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        found = obstacles.first_of(path, _PARTS)
        if found is not None:
            raise LoadsDamagedError("loads_obstructed", path=str(found)) from error


@contextmanager
def opened(path: Path, disk: Disk = DISK, patience: float = PATIENCE_SECONDS) -> Iterator[sqlite3.Connection]:
    """Opens it for writing, and makes it where there is none; no transaction is begun. Raises ``LoadsError``, also
    within the block, and ``OSError``."""
    with told_apart(path, disk):
        private.claim(path)
        with closing(disk.database(path, timeout=patience, isolation_level=None)) as connection:
            _prepare(connection)
            _make_tables(connection, path)
            yield connection


@contextmanager
def read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """Opens one that is there. Raises ``LoadsError``, also within the block, and ``FileNotFoundError`` for none."""
    if not path.exists() or not path.stat().st_size:
        raise FileNotFoundError(path)
    with told_apart(path):
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE_SECONDS, isolation_level=None)) as connection:
            if not _version(connection, path):
                raise FileNotFoundError(path)
            yield connection


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction: all of the block or nothing, whatever ends it. Raises what SQLite raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        # A full disk ends the transaction by itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def reading(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is read in the block is of one moment."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def set_aside(path: Path, at: float, disk: Disk = DISK) -> Path:
    """Renames a damaged one, and returns its new name; of those before it none stays. Raises ``OSError``."""
    for older in path.parent.glob(f"{path.name}{_DAMAGED}*"):
        if older.is_file():
            disk.remove(older)
    aside = path.with_name(f"{path.name}{_DAMAGED}{storage.stamp(at)}")
    # Its log last: beside no file, or an empty one, SQLite throws it away; without it the damaged one may look sound.
    for suffix in _PARTS:
        part = path.with_name(path.name + suffix)
        if obstacles.is_obstacle(part):
            obstacles.put_aside(part, at, disk)
        elif part.exists():
            durable.move(part, aside.with_name(aside.name + suffix), disk=disk)
    return aside


def check(path: Path) -> None:
    """Reads the whole file once. Raises ``LoadsDamagedError``, and other ``LoadsError``; none is fine."""
    try:
        with read_only(path) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except FileNotFoundError:
        return
    if found != "ok":
        raise LoadsDamagedError("loads_damaged", path=str(path))


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {_LONGEST_LOG}")


def has_clock(connection: sqlite3.Connection) -> bool:
    """Whether the file knows how far the till's clock is off; one that an older agent made doesn't."""
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = '_now'").fetchone() is not None


def _make_tables(connection: sqlite3.Connection, path: Path) -> None:
    if _version(connection, path) and has_clock(connection):
        return
    with writing(connection):
        if not _version(connection, path):  # another process may have been first
            _run(connection, _TABLES)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        if not has_clock(connection):
            _run(connection, _CLOCK)


def _run(connection: sqlite3.Connection, script: str) -> None:
    for statement in script.split(";"):
        connection.execute(statement)


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """0: nothing is in it yet. A sound database of something else would be written into, or waited for, for ever."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    is_of_another = not names >= _OWN_NAMES if version else bool(names)
    if is_of_another:
        raise LoadsDamagedError("loads_damaged", path=str(path))
    if version > _VERSION:
        raise LoadsError("loads_newer", path=str(path), found=str(version), newest=str(_VERSION))
    return int(version)
