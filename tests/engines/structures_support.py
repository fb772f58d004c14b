"""An ERP with last year's structure, its store, and short ways to look at both."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import Engine, create_engine, make_url

from malote.accounts.audit import Actor
from malote.config import DatabaseSettings, ErpSettings, Settings, StructuresSettings
from malote.database.engine import open_database
from malote.database.migrations import migrate
from malote.erp.postgresql.schema import POSTGRESQL
from malote.schema.definition import Structure
from malote.schema.plan import create_table
from malote.schema.sqlite import SQLITE
from malote.schema.structure_reports import Drift, StructureDifference
from malote.structures.structure_service import Structures
from tests.engines.posting_support import until

ACTOR = Actor("maria")


def create(url: str, structure: Structure) -> None:
    """The tables of the structure, empty."""
    engine = erp_engine(url)
    dialect = POSTGRESQL if engine.dialect.name == "postgresql" else SQLITE
    with engine.begin() as connection:
        for table in structure.tables:
            connection.exec_driver_sql(create_table(table, dialect))
    engine.dispose()


def erp_engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed)


def run_sql(url: str, *statements: str) -> list[tuple[object, ...]]:
    """Runs the statements in one transaction; the rows of the last, where it has some."""
    engine = erp_engine(url)
    try:
        rows: list[tuple[object, ...]] = []
        with engine.begin() as connection:
            for statement in statements:
                result = connection.exec_driver_sql(statement)
                rows = [tuple(row) for row in result] if result.returns_rows else []
        return rows
    finally:
        engine.dispose()


@contextmanager
def structures_over(
    home: Path, erp_url: str, store_url: str = "", **settings: float
) -> Iterator[tuple[Structures, Engine]]:
    """The services over a store that is up to date."""
    chosen = Settings(
        home=str(home),
        database=DatabaseSettings(store_url),
        erp=ErpSettings(url=erp_url),
        structures=StructuresSettings(**settings),  # type: ignore[arg-type]
    )
    engine = open_database(chosen.database_url)
    migrate(engine)
    try:
        yield Structures(engine, chosen), engine
    finally:
        engine.dispose()


def shown(lines: list[StructureDifference], *severities: str) -> list[str]:
    """Differences in short: ``missing column sale.ibs``."""
    return [f"{one.severity} {one.what} {one.table}.{one.name}" for one in lines if one.severity in severities]


def harmful(drift: Drift) -> list[str]:
    return shown(drift.differences, "missing", "conflict")


@contextmanager
def selling(url: str) -> Iterator[list[int]]:
    """Short transactions one after the other, by the superuser; how many there were."""
    over = threading.Event()
    written = [0]

    def sell() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET lock_timeout = '2s'")
            while not over.is_set():
                with connection.transaction():
                    connection.execute(
                        "INSERT INTO payment (access_key, number, amount) VALUES (%s, 1, 1)", [str(written)]
                    )
                    time.sleep(0.05)
                written[0] += 1

    seller = threading.Thread(target=sell)
    seller.start()
    try:
        until(lambda: written[0] > 3)
        yield written
        before = written[0]
        until(lambda: written[0] > before + 3)
    finally:
        over.set()
        seller.join()
