"""Store databases that are up to date, at a fraction of what the migration's steps cost.

The steps are taken once in a test process; each further empty database is given what they made. Without this, more
than half of what the tests cost was taking the same steps again. Tests of the steps themselves take them (``STEPS``).
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect

from malote.database import migrations
from malote.database.engine import open_database
from tests.engines.postgres_support import copied_postgresql_url, discard_postgresql, fresh_postgresql_url

STEPS = migrations._upgrade
_made: list[str] = []  # what the steps make of an empty SQLite database, as statements


def upgrade(connection: Connection) -> None:
    """In place of the steps, where there is nothing yet."""
    if connection.dialect.name != "sqlite" or inspect(connection).get_table_names():
        STEPS(connection)
        return
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    if not _made:
        STEPS(connection)
        _made.extend(line for line in driver.iterdump() if line not in ("BEGIN TRANSACTION;", "COMMIT;"))
        return
    for statement in _made:
        driver.execute(statement)


def postgresql_url() -> str:
    """The address of a store database of a test's own, up to date. To be discarded as any other. Skips where none can
    be started."""
    return copied_postgresql_url(_template())


@contextmanager
def address_of(kind: str, folder: Path) -> Iterator[str]:
    """The address of a store database of this kind: an empty one, or one that is up to date."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'store.sqlite3'}"
        return
    url = postgresql_url()
    try:
        yield url
    finally:
        discard_postgresql(url)


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """One that is up to date."""
    engine = open_database(url)
    migrations.migrate(engine)
    try:
        yield engine
    finally:
        engine.dispose()


@cache
def _template() -> str:
    """A database that only copies are made of."""
    url = fresh_postgresql_url()
    engine = open_database(url)
    migrations.migrate(engine)
    engine.dispose()
    return url
