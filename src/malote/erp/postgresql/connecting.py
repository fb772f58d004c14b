"""A short connection to PostgreSQL with somebody's login, for looking and for signals."""

from contextlib import closing
from typing import Any, LiteralString

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

# A role by its name in small letters, where there is none by the name as it was typed: no password is tried twice.
_MEANT: LiteralString = (
    "SELECT rolname FROM pg_roles WHERE rolname = %s AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)"
)

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
    """With a DBA's login, whose name counts as in SQL: ``SYSTEM`` is ``system`` where there is no such role.

    Raises ``SessionsError`` ``dba_login_refused``, or ``erp_away``.
    """
    if not (login.user and login.reveal()):
        # An empty password would make the driver look for one in the server's own environment and files.
        raise SessionsError("dba_login_refused", user=login.user, detail="no password given")
    try:
        return connected(url.set(username=login.user, password=login.reveal()))
    except psycopg.Error as error:
        words = _words(error)
    # The driver tells a wrong password from an absent server in words only. So ask a second time, as ourselves.
    try:
        with closing(connected(url)) as own:
            meant = own.execute(_MEANT, (login.user.lower(), login.user)).fetchone()
    except psycopg.Error:
        raise SessionsError("erp_away", detail=words) from None
    if meant is not None:
        try:
            return connected(url.set(username=meant[0], password=login.reveal()))
        except psycopg.Error as error:
            words = _words(error)
    raise SessionsError("dba_login_refused", user=login.user, detail=words)


def _words(error: psycopg.Error) -> str:
    return " ".join(str(error).split())
