"""One statement of a profile's ``[post]``, run on whatever engine: with its values, and its answer as plain rows."""

import sqlite3
from collections.abc import Mapping
from typing import Any

import oracledb
import psycopg
from psycopg.pq import DiagnosticField
from sqlalchemy import Connection

from malote.erp.mariadb import calls as calls_mariadb
from malote.erp.profiles.post import CALLS, Call, Post, Style, binds_of, for_driver
from malote.erp.said import presentable

Answer = Mapping[str, Any]  # by the small name of the column

_LONGEST_ANSWER = 4000  # characters of an :answer of Oracle's
_MOST = 100_000  # rows of one answer


def run(connection: Connection, statement: str, values: Mapping[str, str]) -> list[Answer]:
    """The rows it gives, none where it gives nothing. Raises what the driver raises."""
    used = {name: values.get(name) or None for name in binds_of(statement)}
    if connection.dialect.name == "oracle":
        return _on_oracle(connection, for_driver(statement, "named"), used)
    if connection.dialect.name == "mysql":
        return calls_mariadb.run(connection, for_driver(statement, "pyformat"), used, _MOST)
    style: Style = "pyformat" if connection.dialect.name == "postgresql" else "named"
    result = connection.exec_driver_sql(for_driver(statement, style), used)
    if not result.returns_rows:
        return []
    found = [{name.lower(): value for name, value in row.items()} for row in result.mappings().fetchmany(_MOST)]
    result.close()
    # What gives nothing (a function that returns void, too) isn't an answer.
    return [row for row in found if any(value not in (None, "") for value in row.values())]


def unusable(connection: Connection, post: Post | None) -> list[tuple[Call, str]]:
    """Statements that the database can't parse, with its words; nothing is run. Oracle isn't asked."""
    found: list[tuple[Call, str]] = []
    for which in CALLS:
        for statement in (post.statements(which) or []) if post else []:
            words = _parse(connection, statement)
            if words:
                found.append((which, presentable(words)))
    return found


def _parse(connection: Connection, statement: str) -> str:
    driver = connection.connection.driver_connection
    match driver:
        case psycopg.Connection():
            driver.execute("SAVEPOINT malote_parse")
            parsed = driver.pgconn.prepare(b"", for_driver(statement, "numbered").encode())
            driver.execute("ROLLBACK TO SAVEPOINT malote_parse")
            return (parsed.error_field(DiagnosticField.MESSAGE_PRIMARY) or b"").decode(errors="replace")
        case sqlite3.Connection():
            try:
                driver.execute(f"EXPLAIN {for_driver(statement, 'named')}", dict.fromkeys(binds_of(statement)))
            except sqlite3.Error as error:
                return str(error)
    return ""


def _on_oracle(connection: Connection, statement: str, values: Mapping[str, str | None]) -> list[Answer]:
    """A function's answer comes back through ``:answer``, since a query may not change anything there."""
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        bound: dict[str, Any] = {name: value for name, value in values.items() if name != "answer"}
        # A text of more than 32 767 bytes is no VARCHAR2.
        cursor.setinputsizes(**{name: oracledb.DB_TYPE_CLOB for name in bound if name in ("document", "documents")})
        if "answer" in values:
            bound["answer"] = cursor.var(oracledb.DB_TYPE_VARCHAR, _LONGEST_ANSWER)
        cursor.execute(statement, bound)
        if "answer" in values:
            given = bound["answer"].getvalue()
            return [] if given is None else [{"id": given}]
        if cursor.description is None:
            return []
        names = [column[0].lower() for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchmany(_MOST)]
