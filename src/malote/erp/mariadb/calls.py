"""One statement of a profile's ``[post]`` on MariaDB: its last rows are the answer."""

from collections.abc import Mapping
from typing import Any

import pymysql
from sqlalchemy import Connection

from malote.erp.call_statements import Answer

REFUSED_IN_XA = 1399  # to a procedure that would end the transaction; after a deadlock, to everybody


class EndsTransactionError(pymysql.ProgrammingError):  # type: ignore[misc] # the driver has no types
    """A procedure would end the transaction that it is called in: with COMMIT, ROLLBACK, START TRANSACTION, DDL."""


def run(connection: Connection, statement: str, values: Mapping[str, str | None], most: int) -> list[Answer]:
    """A procedure may give several results, and fail after the first: all are read, so that no error is overheard.
    Raises what the driver raises, and ``EndsTransactionError``."""
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor:
            cursor.execute(statement, dict(values))
            answer = _rows(cursor, most)
            while cursor.nextset():
                answer = _rows(cursor, most) or answer
        return answer
    except pymysql.Error as error:
        if error.args and error.args[0] == REFUSED_IN_XA and _goes_on(driver):
            raise EndsTransactionError("COMMIT, ROLLBACK, START TRANSACTION or DDL within the call") from error
        raise


def _rows(cursor: Any, most: int) -> list[Answer]:
    if cursor.description is None:
        return []
    names = [column[0].lower() for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchmany(most)]
    return [row for row in rows if any(value not in (None, "") for value in row.values())]


def _goes_on(driver: Any) -> bool:
    """Whether the transaction is as it was: after a deadlock it takes nothing any more."""
    try:
        with driver.cursor() as cursor:
            cursor.execute("SAVEPOINT malote_goes_on")
    except pymysql.Error:
        return False
    return True
