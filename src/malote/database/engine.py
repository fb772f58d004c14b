"""Opening the store database, and the only two ways to work in it: ``reading`` and ``writing``.

Several processes use one SQLite file at once. A write transaction takes its lock at once (BEGIN IMMEDIATE), since one
that starts by reading and wants to write later can't wait for another: SQLite would refuse it on the spot.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError

from malote import address, durable, private
from malote.database import soundness
from malote.database.errors import StoreError, driver_errors, translate
from malote.database.soundness import Soundness, soundness_of

WAIT_SECONDS = 15.0  # for a lock that another process or thread holds

_WRITE_LOCK = "malote_write_lock"
_WRITES = "malote_writes"


def open_database(url: str) -> Engine:
    """An engine for ``sqlite:///file`` or ``postgresql://…``. Nothing is connected yet.

    Commits are on the disk when they return, whatever the server's default. Raises ``ValueError`` for another kind
    of database or an address that leaves a doubt, saying nothing of what it holds; ``OSError`` when the folder of a
    SQLite file can't be made.
    """
    address.check(url, ("sqlite", "postgresql"))
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite" if parsed.database not in (None, "", ":memory:"):
            durable.make_folder(Path(str(parsed.database)).resolve().parent)
            private.claim(Path(str(parsed.database)))
            return _sqlite(
                parsed.set(drivername="sqlite").render_as_string(hide_password=False),
                Path(str(parsed.database)).absolute(),
            )
        case "postgresql":
            return _postgresql(parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False))
        case other:
            raise ValueError(f"a store database can't be {other!r}: give the path of a SQLite file, or PostgreSQL")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads. Raises ``StoreError``."""
    with _translated(engine), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A write transaction: committed durably at the end of the block, or rolled back whole when it raises.

    Never nest one in another of the same thread. Raises ``StoreError``.
    """
    writes = engine.execution_options(**{_WRITES: True})
    with _translated(engine), _turn(engine), writes.connect() as connection, connection.begin():
        yield connection


@contextmanager
def _translated(engine: Engine) -> Iterator[None]:
    sound = soundness_of(engine)
    sound.check()
    try:
        yield
    except Exception as error:  # COPY goes past SQLAlchemy
        if not isinstance(error, (SQLAlchemyError, *driver_errors())):
            raise
        store_error = translate(error)
        if store_error is None:
            raise
        sound.met(store_error)
        raise store_error from error


@contextmanager
def _turn(engine: Engine) -> Iterator[None]:
    """Threads of one process queue here: SQLite's own waiting sleeps up to 100 ms between looks."""
    lock: threading.Lock | None = engine.get_execution_options().get(_WRITE_LOCK)
    if lock is None:
        yield
        return
    if not lock.acquire(timeout=WAIT_SECONDS):
        raise StoreError("store_away", detail="the write lock of this process is held too long")
    try:
        yield
    finally:
        lock.release()


def _sqlite(url: str, file: Path) -> Engine:
    engine = create_engine(
        url,
        connect_args={"timeout": WAIT_SECONDS},
        pool_size=8,
        max_overflow=8,
        pool_timeout=WAIT_SECONDS,
        execution_options={_WRITE_LOCK: threading.Lock(), soundness.OPTION: Soundness(file)},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver's own transaction handling opens transactions late and as readers; BEGIN is ours.
    connection.isolation_level = None
    for pragma in (
        "busy_timeout = 15000",  # first: the next one may have to wait for another process
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "cache_size = -4000",  # KiB, for each connection
        "journal_size_limit = 67108864",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql(url: str) -> Engine:
    engine = create_engine(
        url,
        connect_args={"connect_timeout": 10, "application_name": "malote"},
        pool_size=8,
        max_overflow=8,
        pool_timeout=WAIT_SECONDS,
        pool_pre_ping=True,
        execution_options={soundness.OPTION: Soundness()},
    )
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_postgresql(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", (f"{WAIT_SECONDS:.0f}s",))
        # A database set up to acknowledge before the disk has it would break the promise made to the tills.
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') IN ('off', 'local')"
        )
    connection.commit()
