"""A short connection to PostgreSQL with somebody's login, for looking and for signals."""

from typing import Any

import psycopg
from sqlalchemy import URL
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from malote.erp.postgresql.dialect import CHARACTERS
from malote.erp.sessions.errors import SessionsError
from malote.erp.sessions.protocol import DbaLogin

PROGRAM = "malote-locks"  # as the database shows whoever looks

# Nobody waits for a look that hangs: a person sits in front of it.
_OPTIONS = {"connect_timeout": 5, "keepalives": 1, "keepalives_idle": 5, "tcp_user_timeout": 10_000}
_STATEMENT_MILLISECONDS = "5000"

Connection = psycopg.Connection[tuple[Any, ...]]


def connected(url: URL) -> Connection:
    """With the address' own login. Every statement is a transaction of its own. Raises ``psycopg.Error``."""
    dialect: Any = PGDialect_psycopg()  # type: ignore[no-untyped-call]
    _, arguments = dialect.create_connect_args(url.set(drivername="postgresql+psycopg"))
    chosen = {**arguments, **_OPTIONS, **CHARACTERS, "application_name": PROGRAM}
    connection: Connection = psycopg.connect(**chosen, autocommit=True, prepare_threshold=None)
    try:
        connection.execute("SELECT set_config('statement_timeout', %s, false)", (_STATEMENT_MILLISECONDS,))
    except BaseException:
        connection.close()
        raise
    return connection


def connected_as(url: URL, login: DbaLogin) -> Connection:
    """With a DBA's login. Raises ``SessionsError`` ``dba_login_refused``, or ``erp_away``."""
    if not (login.user and login.reveal()):
        # An empty password would make the driver look for one in the server's own environment and files.
        raise SessionsError("dba_login_refused", user=login.user, detail="no password given")
    try:
        return connected(url.set(username=login.user, password=login.reveal()))
    except psycopg.Error as error:
        # The driver tells a wrong password from an absent server in words only. So ask a second time, as ourselves.
        raise _refusal(url, login.user, _words(error)) from None


def _refusal(url: URL, user: str, words: str) -> SessionsError:
    try:
        connected(url).close()
    except psycopg.Error:
        return SessionsError("erp_away", detail=words)
    return SessionsError("dba_login_refused", user=user, detail=words)


def _words(error: psycopg.Error) -> str:
    return " ".join(str(error).split())
