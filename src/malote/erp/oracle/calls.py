"""One statement of a profile's ``[post]`` on Oracle."""

from collections.abc import Mapping
from typing import Any

import oracledb
from sqlalchemy import Connection

from malote.erp.call_statements import Answer

_LONGEST_ANSWER = 4000  # characters of an :answer


def run(connection: Connection, statement: str, values: Mapping[str, str | None], most: int) -> list[Answer]:
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
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchmany(most)]
