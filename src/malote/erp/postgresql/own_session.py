"""Which session of PostgreSQL a connection is, as ``SessionIdentity`` (erp/sessions/) has it: number and beginning."""

from sqlalchemy import Connection, text

BEGAN = text(
    r"""SELECT to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24\:MI\:SS.USOF')"""
    " FROM pg_stat_activity WHERE pid = pg_backend_pid()"
)
_NUMBER = text("SELECT pg_backend_pid()")


def own_session(connection: Connection) -> tuple[str, str]:
    return str(connection.scalar(_NUMBER)), str(connection.scalar(BEGAN) or "")
