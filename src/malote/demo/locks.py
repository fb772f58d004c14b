"""Somebody of the back office who holds the stock and goes for a coffee; and the DBA who can help.

The DBA has a password, so that signing in to the lock console is real. Everybody else is let in without one, as is
usual with a database that only this machine's users can reach.
"""

import select
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Literal

import psycopg
from sqlalchemy import URL, make_url

from malote.erp.tables import stock

DBA = "system"
DBA_PASSWORD = "demonstracao"  # noqa: S105 of the demo's own database, which only this machine can reach
CULPRIT = "gerente"
PROGRAM = "retaguarda"

_LOOK_SECONDS = 0.5
_ROLES = f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{DBA}') THEN CREATE ROLE {DBA} LOGIN; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{CULPRIT}') THEN CREATE ROLE {CULPRIT} LOGIN; END IF;
END $$;
ALTER ROLE {DBA} PASSWORD '{DBA_PASSWORD}';
GRANT pg_read_all_stats, pg_signal_backend TO {DBA};
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {CULPRIT};
"""  # noqa: S608 names from above
_WITH_PASSWORD = f"# The DBA of the demo.\nlocal all {DBA} scram-sha-256\nhost all {DBA} 127.0.0.1/32 scram-sha-256\n"

Ending = Literal["released", "ended"]


def prepare(erp_url: str, data: Path) -> None:
    """Makes both users in the demo's PostgreSQL, whose files are in ``data``. Nothing on SQLite, which has no users.

    Raises ``OSError``, and ``psycopg.Error`` as ``OSError`` too.
    """
    address = make_url(erp_url)
    if address.get_backend_name() != "postgresql":
        return
    _ask_for_a_password(data / "pg_hba.conf")
    try:
        with closing(_connect(address, address.username or "postgres")) as connection:
            connection.execute(_ROLES.encode())
            connection.execute("SELECT pg_reload_conf()")
            connection.commit()
    except psycopg.Error as error:
        raise OSError(f"{DBA}: {type(error).__name__}") from error


def hold(erp_url: str, seconds: float | None, tell: Callable[[], None]) -> Ending:
    """Holds the stock until the time is over, or Ctrl-C (``KeyboardInterrupt``), or somebody ends the session.

    ``tell`` is called once it is held. Raises ``OSError`` where the ERP doesn't run.
    """
    address = make_url(erp_url)
    until = time.monotonic() + seconds if seconds is not None else float("inf")
    if address.get_backend_name() == "sqlite":
        return _hold_file(Path(str(address.database)), until, tell)
    try:
        with closing(_connect(address, CULPRIT)) as connection:
            connection.execute(f"LOCK TABLE {stock.name} IN EXCLUSIVE MODE".encode())
            tell()
            return _linger(connection, until)
    except psycopg.Error as error:
        raise OSError(type(error).__name__) from error


def _linger(connection: "psycopg.Connection[tuple[object, ...]]", until: float) -> Ending:
    """Idle in the transaction. The server says when it ends the session, without being asked."""
    while (left := until - time.monotonic()) > 0:
        readable, _, _ = select.select([connection], [], [], min(left, _LOOK_SECONDS))
        if not readable:
            continue
        try:
            connection.pgconn.consume_input()
        except psycopg.OperationalError:
            return "ended"
        if connection.closed:
            return "ended"
    return "released"


def _hold_file(file: Path, until: float, tell: Callable[[], None]) -> Ending:
    if not file.exists():
        raise OSError(f"{file}")
    try:
        with closing(sqlite3.connect(file, isolation_level=None, timeout=10)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            tell()
            while (left := until - time.monotonic()) > 0:
                time.sleep(min(left, _LOOK_SECONDS))
    except sqlite3.Error as error:
        raise OSError(error.sqlite_errorname) from error
    return "released"


def _connect(address: URL, user: str) -> "psycopg.Connection[tuple[object, ...]]":
    url = address.set(drivername="postgresql", username=user).render_as_string(hide_password=False)
    return psycopg.connect(url, application_name=PROGRAM, connect_timeout=5)


def _ask_for_a_password(rules: Path) -> None:
    """In place: as root, the file belongs to the user that the server runs as. The first rule that fits decides."""
    before = rules.read_text(encoding="utf-8")
    if before.startswith(_WITH_PASSWORD):
        return
    with rules.open("r+", encoding="utf-8", newline="\n") as file:
        file.write(_WITH_PASSWORD + before)
