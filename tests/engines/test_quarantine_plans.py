"""Whatever the quarantine asks, it walks an index: looking every two seconds must cost the same in ten years."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, Table, event, select

from malote.database.book_tables import book_day, number_gap
from malote.database.chunks import among
from malote.database.engine import open_database, reading
from malote.database.migrations import migrate
from malote.database.tables import till_series
from malote.orders.book import OrderBook
from malote.quarantine import candidates, index, synchronise_orders
from malote.quarantine.quarantine_reports import Selection
from malote.quarantine.rejected_files import DocumentPlace
from malote.register import discarding, rejected_handover
from malote.spool import history
from malote.tills import custody
from malote.tills.till import Till
from malote.wire import Contact

HASH = b"x" * 32
TILL = Till(1, "caixa1", "", 0.0, None)
CONTACT = Contact("1", datetime(2026, 11, 1, tzinfo=UTC), 0, 0, orders=[])


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """SQLite shows its plans without statistics, as PostgreSQL with few rows does not."""
    opened = open_database(f"sqlite:///{tmp_path / 'store.sqlite3'}")
    migrate(opened)
    yield opened
    opened.dispose()


@contextmanager
def heard(engine: Engine) -> Iterator[list[tuple[str, tuple[object, ...]]]]:
    """Every SELECT of the block, with its parameters."""
    found: list[tuple[str, tuple[object, ...]]] = []

    def hear(_connection: object, _cursor: object, statement: str, parameters: tuple[object, ...], *_: object) -> None:
        if statement.startswith("SELECT"):
            found.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", hear)
    yield found
    event.remove(engine, "before_cursor_execute", hear)


ASKED: dict[str, Callable[[Engine], object]] = {
    "files to be moved": discarding.unmoved,
    "files to be written": lambda engine: rejected_handover.unkept(engine, 100),
    "the end of the retention": lambda engine: discarding.ripe(engine, 1.0, 0),
    "a page of a till's trash": lambda engine: discarding.page(engine, "caixa1", 5, 10),
    "a page of the trash": lambda engine: discarding.page(engine, None, 5, 10),
    "the size of a till's trash": lambda engine: discarding.total(engine, "caixa1"),
    "a document's history": lambda engine: history.lines_of(engine, 1),
    "a till's rejected": lambda engine: list(index.rejected(engine, 1)),
    "a till's deleted": lambda engine: list(index.in_trash(engine, 1)),
    "orders at a sign of life": lambda engine: OrderBook(engine, [synchronise_orders.KIND], str).due(TILL, CONTACT),
    "a till's newest order": lambda engine: synchronise_orders.newest(engine, "caixa1"),
}


def plans_of(engine: Engine, statements: list[tuple[str, tuple[object, ...]]]) -> list[str]:
    with engine.connect() as connection:
        rows = [
            connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            for statement, parameters in statements
        ]
    return [str(row[-1]) for plan in rows for row in plan]


@pytest.mark.parametrize("asked", ASKED)
def test_nothing_is_read_from_end_to_end(engine: Engine, asked: str) -> None:
    with heard(engine) as statements:
        ASKED[asked](engine)
    assert statements
    assert [line for line in plans_of(engine, statements) if line.startswith("SCAN") and "INDEX" not in line] == []


@pytest.mark.parametrize("table", [book_day, till_series, number_gap], ids=str)
def test_keys_of_several_columns_are_found_by_their_index(engine: Engine, table: Table) -> None:
    columns = list(table.primary_key.columns)[:3]
    keys = [tuple(column.type.python_type(number) for column in columns) for number in (1, 2)]
    with heard(engine) as statements, reading(engine) as connection:
        connection.execute(select(table).where(among(columns, keys)))
        connection.execute(select(table).where(among(columns, [])))
    assert any(line.startswith(f"SEARCH {table} USING INDEX") for line in plans_of(engine, statements[:1]))


def test_what_is_to_be_written_is_found_among_however_many(engine: Engine) -> None:
    with heard(engine) as statements:
        rejected_handover.unkept(engine, 100, 7)
    assert "document_unkept" in plans_of(engine, statements)[0]


def test_nothing_within_a_transaction_either(engine: Engine) -> None:
    with heard(engine) as statements, reading(engine) as connection:
        history._last_of(connection, {1, 2})
        candidates.curable(connection, 1)
        candidates.find(connection, Selection(till="caixa1", code="items_sum"), "rejected")
        candidates.find(connection, Selection((1, 2)), "discarded")
        custody.of_documents(connection, [1])
        index.of_file(connection, 1, HASH)
        index.at(connection, 1, DocumentPlace(HASH[:16], 0))
    assert len(statements) > 6
    assert [line for line in plans_of(engine, statements) if line.startswith("SCAN")] == []
