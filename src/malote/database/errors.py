"""What goes wrong with the store database, told apart in one place: by error codes, never by text."""

import sqlite3
import sys
from typing import Any

from sqlalchemy import exc

from malote.explained_error import ExplainedError


class StoreError(ExplainedError):
    """The store database could not do what was asked; nothing of the transaction was kept.

    ``code``: ``store_away`` (can't be reached, or locked too long), ``disk_full``, ``store_damaged``, ``store_newer``.
    ``detail`` names the engine's own code, never a value of a document.
    """

    def __init__(self, code: str, *, detail: str) -> None:
        super().__init__(code, detail=detail)
        self.args = (f"{code}: {detail}",)
        self.detail = detail


_SQLITE_FULL = {sqlite3.SQLITE_FULL}
_SQLITE_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_SQLITE_AWAY = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_INTERRUPT,
}

_POSTGRESQL_FULL = {"53100"}
_POSTGRESQL_DAMAGED = {"XX001", "XX002"}
# Connection, authorisation, no such database, read-only standby, rollback, resources, lock, operator, system.
_POSTGRESQL_AWAY = ("08", "28", "3D", "25006", "40", "53", "55P03", "57", "58")


def driver_errors() -> tuple[type[Exception], ...]:
    """What the drivers in use raise past SQLAlchemy. Who has no PostgreSQL loads nothing for it."""
    return (sys.modules["psycopg"].Error,) if "psycopg" in sys.modules else ()


def translate(error: Exception) -> StoreError | None:
    """The ``StoreError`` that stands for ``error``; None for a fault of the program, which must not be hidden."""
    if isinstance(error, exc.TimeoutError):
        return _away("no free connection")
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(cause)
    if isinstance(cause, driver_errors()):
        return _of_postgresql(cause)
    return None


def _of_sqlite(error: sqlite3.Error) -> StoreError | None:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    name = error.sqlite_errorname
    primary = code & 0xFF  # the rest of an extended code says where it happened
    if primary in _SQLITE_FULL:
        return _full(name)
    if primary in _SQLITE_DAMAGED:
        return _damaged(name)
    return _away(name) if primary in _SQLITE_AWAY else None


def _of_postgresql(error: Any) -> StoreError | None:
    state = error.sqlstate
    if state is None:
        # The driver itself lost the connection, or never had one.
        is_lost = isinstance(error, sys.modules["psycopg"].OperationalError)
        return _away("no connection") if is_lost else None
    if state in _POSTGRESQL_FULL:
        return _full(state)
    if state in _POSTGRESQL_DAMAGED:
        return _damaged(state)
    return _away(state) if state.startswith(_POSTGRESQL_AWAY) else None


def _away(detail: str) -> StoreError:
    return StoreError("store_away", detail=detail)


def _full(detail: str) -> StoreError:
    return StoreError("disk_full", detail=detail)


def _damaged(detail: str) -> StoreError:
    return StoreError("store_damaged", detail=detail)
