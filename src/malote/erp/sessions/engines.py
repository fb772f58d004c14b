"""The engines whose sessions can be looked at, by the scheme of the ERP's address."""

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from malote.erp.mapping import BUILT_IN, ErpTables
from malote.erp.oracle.sessions import OracleSessions
from malote.erp.postgresql.sessions import PostgresqlSessions
from malote.erp.postgresql.watch import PostgresqlWatch
from malote.erp.sessions.errors import SessionsError
from malote.erp.sessions.protocol import DbaLogin, Own, Sessions
from malote.erp.sessions.watching import Watch
from malote.erp.sqlite.sessions import SqliteSessions


def open_sessions(url: str, login: DbaLogin | None, tables: ErpTables = BUILT_IN) -> Sessions:
    """The ERP at ``url``, with a DBA's login instead of the address' own; SQLite needs none. ``tables`` are Malote's.

    Raises ``SessionsError``: ``dba_login_needed``, ``dba_login_refused``, ``erp_away``, ``sessions_unsupported``.
    """
    address = _address(url)
    backend = address.get_backend_name()
    if backend == "sqlite":
        return SqliteSessions(address, login)
    if backend not in ("postgresql", "postgres", "oracle"):
        raise SessionsError("sessions_unsupported", engine=backend)
    if login is None:
        raise SessionsError("dba_login_needed")
    names = names_of(tables)
    return OracleSessions(address, login, names) if backend == "oracle" else PostgresqlSessions(address, login, names)


def names_of(tables: ErpTables) -> frozenset[str]:
    """What the tables are called, without a schema."""
    return frozenset({str(tables.ledger.name), *(part.name for part in tables.parts)})


def _address(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        # The address may hold a password: neither it nor what was said of it is repeated.
        raise SessionsError("sessions_unsupported", engine="?") from None


def open_watch(url: str, tables: ErpTables = BUILT_IN, own: Own = frozenset) -> Watch | None:
    """A watch over the ERP at ``url`` with the address' own login. Connects later. ``own`` tells the posters'
    sessions.

    None for an engine that has none, and for an address that no engine understands.
    """
    try:
        address = _address(url)
    except SessionsError:
        return None
    return PostgresqlWatch(address, tables, own) if address.get_backend_name() in ("postgresql", "postgres") else None
