"""Databases as they were in 2025, empty: for tests, and for a demo that is about to be updated."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

from malote.erp.engine_loader import part_of
from malote.schema.plan import create_index, create_table
from malote.schema.sqlite import SQLITE
from malote.schema.till_structure import BASE
from malote.structures.wanted import erp_of_2025


def make_erp(url: str) -> None:
    """Malote's own tables without the columns of IBS and CBS, as far as they are absent. Raises SQLAlchemy's errors."""
    address = make_url(url)
    target = part_of(address.get_backend_name(), "target")
    engine = create_engine(address.set(drivername=target.DRIVER), poolclass=NullPool)
    try:
        with engine.begin() as connection:
            for table in erp_of_2025().tables:
                connection.exec_driver_sql(create_table(table, target.DIALECT))
    finally:
        engine.dispose()


def make_outbox(path: Path) -> None:
    """A till's outbox of version 1, where there is none. Raises ``OSError`` and ``sqlite3.Error``."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for table in BASE.tables:
            connection.execute(create_table(table, SQLITE))
            for index in table.indexes:
                connection.execute(create_index(table.name, index, SQLITE))
        connection.execute(f"PRAGMA user_version = {BASE.version}")
        connection.execute("COMMIT")
