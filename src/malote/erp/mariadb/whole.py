"""A transaction that nobody but Malote can end, while procedures of the ERP's run in it.

A procedure that commits, or a handler of its own that swallows a deadlock, would part the ledger from the sale: claimed
and not booked, or booked and not claimed. Within an XA transaction the server refuses COMMIT, ROLLBACK and DDL to
everybody, and after a deadlock all further work. It is committed in one phase, as any other; unfinished it is gone with
its connection.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pymysql
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from malote.erp.calling import UnbookedError


@contextmanager
def kept_whole(connection: Connection) -> Iterator[None]:
    """Commits at the end of the block, and takes everything back where it raises. Raises what the driver raises."""
    name = f"malote-{secrets.token_hex(12)}"
    connection.exec_driver_sql(f"XA START '{name}'")
    try:
        try:
            yield
        except UnbookedError:
            # What a procedure said after a deadlock doesn't count: this raises then.
            connection.exec_driver_sql(f"XA END '{name}'")
            raise
        connection.exec_driver_sql(f"XA END '{name}'")
        connection.exec_driver_sql(f"XA COMMIT '{name}' ONE PHASE")
    except BaseException:
        _take_back(connection, name)
        raise


def _take_back(connection: Connection, name: str) -> None:
    driver = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor:  # type: ignore[union-attr]
            with suppress(pymysql.Error):  # it may have ended already
                cursor.execute(f"XA END '{name}'")
            cursor.execute(f"XA ROLLBACK '{name}'")
    except (pymysql.Error, DBAPIError):
        connection.invalidate()  # the server takes back what belongs to no connection any more
