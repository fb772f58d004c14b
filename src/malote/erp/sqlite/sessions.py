"""SQLite knows no sessions: one program writes at a time, and nobody can tell which. Only whether one does."""

import sqlite3
from collections.abc import Collection
from contextlib import closing

from sqlalchemy import URL

from malote.erp.sessions.errors import SessionsError
from malote.erp.sessions.protocol import DbaLogin, ErpSession, SessionIdentity, Standing


class SqliteSessions:
    """See ``malote.erp.sessions.protocol.Sessions``."""

    engine = "sqlite"
    password_asked = False

    def __init__(self, url: URL, login: DbaLogin | None, tables: Collection[str]) -> None:
        """A file has no users: ``login`` is not looked at, nor is what is in it."""
        self._file = str(url.database)

    def close(self) -> None:
        pass

    def busy(self) -> bool:
        """Takes the write lock for a moment, if it is free, and changes nothing."""
        try:
            with closing(sqlite3.connect(f"file:{self._file}?mode=rw", uri=True, timeout=0)) as connection:
                connection.isolation_level = None
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                return True
            raise SessionsError("erp_away", detail=error.sqlite_errorname) from error
        except sqlite3.Error as error:
            raise SessionsError("erp_away", detail=getattr(error, "sqlite_errorname", "")) from error
        return False

    def tree(self) -> list[ErpSession]:
        return []

    def find(self, key: str) -> None:
        raise _unsupported()

    def privileges(self) -> list[str]:
        return []

    def cancel(self, identity: SessionIdentity) -> None:
        raise _unsupported()

    def terminate(self, identity: SessionIdentity) -> None:
        raise _unsupported()

    def alive(self, identity: SessionIdentity) -> Standing:
        raise _unsupported()


def _unsupported() -> SessionsError:
    return SessionsError("sessions_unsupported", engine="SQLite")


OPENED = SqliteSessions
HAS_SESSIONS = False
