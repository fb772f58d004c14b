"""Posting, beside PostgreSQL's own COPY of the same rows in the same run.

The bound is the best COPY can do: the very text, rendered beforehand, into empty tables of the same shape and keys,
one transaction per thousand sales, without ledger, stock or look at what is there. The same COPY through the driver's
``write_row`` is shown too: it is what a careful program without a renderer of its own reaches.
Bookings and bounds take turns, so that both meet the same noise.
"""

import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from tests.engines import sales
from tests.engines.spool_support import body_of, file_with, incoming

from malote.config import PostingSettings, StoreSettings
from malote.database.engine import open_database
from malote.database.migrations import migrate
from malote.demo import postgres
from malote.erp import rows
from malote.erp.factory import open_erp
from malote.erp.mapping import BUILT_IN
from malote.erp.postgresql.copy_text import CopyText
from malote.erp.protocol import Erp, Result
from malote.fiscal import documents
from malote.fiscal.documents import Sale
from malote.posting.poster import Poster
from malote.spool.sql_queue import Spool
from malote.tills.till import create_till

BATCH = 1000
ROUNDS = 11
POUCH = 200
COPY_TEXT = CopyText(BUILT_IN)
COLUMNS = {
    "sale_item": COPY_TEXT.item_columns,
    "payment": COPY_TEXT.payment_columns,
    "sale": COPY_TEXT.sale_columns,
}

Row = dict[str, Any]


def run() -> list[Row]:
    """Sales of 8 items and 2 payments, a thousand per transaction; medians, in sales per second."""
    with tempfile.TemporaryDirectory(prefix="malote-bench-") as folder, _server(Path(folder)) as url:
        erp = open_erp(url, lock_timeout_seconds=5)
        erp.create_structure()
        with psycopg.connect(url, autocommit=True) as connection:
            for schema in ("bound", "rows"):
                _same_shape(connection, schema)
            booked, bound, by_rows = _rounds(erp, connection)
        posted = _poster(Path(folder), erp)
        erp.close()
    ceiling = BATCH / bound
    return [
        _row("posting: batch to PostgreSQL, with ledger and stock", BATCH / booked, ceiling),
        _row("posting: COPY by write_row, nothing else", BATCH / by_rows, ceiling),
        _row("posting: poster, with lease and settle (store on SQLite)", posted, ceiling),
    ]


def _row(name: str, value: float, bound: float) -> Row:
    return {"name": name, "value": value, "unit": "sales/s", "bound": bound, "ratio": value / bound}


def _rounds(erp: Erp, connection: psycopg.Connection[Any]) -> tuple[float, float, float]:
    """Median seconds of a batch: booked, copied from ready text, copied row by row."""
    took: tuple[list[float], list[float], list[float]] = ([], [], [])
    for number in range(ROUNDS):
        batch = _fresh(number)
        postings = sales.postings(batch, first_id=number * BATCH)
        took[0].append(_timed(lambda: _book(erp, postings)))  # noqa: B023 called at once
        text = _rendered(batch)
        took[1].append(_timed(lambda: _copy_text(connection, text)))  # noqa: B023
        values = _values(batch)
        took[2].append(_timed(lambda: _copy_rows(connection, values)))  # noqa: B023
    # The first round warms the caches of all three.
    booked, bound, by_rows = (statistics.median(seconds[1:]) for seconds in took)
    return booked, bound, by_rows


def _fresh(number: int) -> list[Sale]:
    """A thousand sales as the poster has them: decoded from the spool, their bytes not in the processor's cache yet."""
    made = sales.supermarket(BATCH, seed=number)
    named = [msgspec.structs.replace(sale, access_key=sales.access_key(sale.number, series=number)) for sale in made]
    return [one for one in documents.decode(documents.encode(list(named))) if isinstance(one, Sale)]


def _timed(act: Callable[[], None]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _book(erp: Erp, postings: Sequence[Any]) -> None:
    assert all(outcome.result is Result.POSTED for outcome in erp.post(postings))


def _rendered(batch: Sequence[Sale]) -> dict[str, bytes]:
    lines = [COPY_TEXT.lines(sale, "caixa1") for sale in batch]
    return {
        "sale_item": "".join(line.items for line in lines).encode(),
        "payment": "".join(line.payments for line in lines).encode(),
        "sale": "".join(line.sale for line in lines).encode(),
    }


def _copy_text(connection: psycopg.Connection[Any], text: dict[str, bytes]) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        for table, block in text.items():
            with cursor.copy(_statement("bound", table)) as copy:
                copy.write(block)


def _values(batch: Sequence[Sale]) -> dict[str, list[list[Any]]]:
    """The same rows as Python values, with amounts as the driver wants them."""
    made = {
        "sale_item": [row for sale in batch for row in rows.item_rows(sale)],
        "payment": [row for sale in batch for row in rows.payment_rows(sale)],
        "sale": [rows.sale_row(sale, "caixa1") for sale in batch],
    }
    types = {table: _decimals(table) for table in made}
    return {
        table: [[types[table][name](row[name]) for name in COLUMNS[table]] for row in lines]
        for table, lines in made.items()
    }


def _decimals(table: str) -> dict[str, Callable[[Any], Any]]:
    from sqlalchemy.dialects import postgresql

    from malote.erp.tables import metadata

    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    chosen: dict[str, Callable[[Any], Any]] = {}
    for column in metadata.tables[table].columns:
        own = "process_bind_param" in vars(type(column.type))
        convert = getattr(column.type, "process_bind_param", None) if own else None
        chosen[column.name] = partial(_bound, convert, dialect) if convert else _as_it_is
    return chosen


def _bound(convert: Callable[[Any, Any], Any], dialect: Any, value: Any) -> Any:
    return convert(value, dialect)


def _as_it_is(value: Any) -> Any:
    return value


def _copy_rows(connection: psycopg.Connection[Any], values: dict[str, list[list[Any]]]) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        for table, lines in values.items():
            with cursor.copy(_statement("rows", table, "")) as copy:
                for line in lines:
                    copy.write_row(line)


def _statement(schema: str, table: str, options: str = " (FORMAT text, NULL '')") -> bytes:
    names = ", ".join(f'"{name}"' for name in COLUMNS[table])
    return f'COPY "{schema}".{table} ({names}) FROM STDIN{options}'.encode()


def _same_shape(connection: psycopg.Connection[Any], schema: str) -> None:
    connection.execute(f'CREATE SCHEMA "{schema}"'.encode())
    for table in COLUMNS:
        connection.execute(f'CREATE TABLE "{schema}".{table} (LIKE public.{table} INCLUDING ALL)'.encode())


def _poster(folder: Path, erp: Erp) -> float:
    """Sales per second from a full spool to an empty one; the spool is filled beforehand."""
    engine = open_database(f"sqlite:///{folder / 'store.sqlite3'}")
    migrate(engine)
    spool = Spool(engine)
    till, _ = create_till(engine, "caixa1")
    took = []
    for number in range(ROUNDS, ROUNDS + 6):
        batch = _fresh(number)
        for start in range(0, BATCH, POUCH):
            pouch = batch[start : start + POUCH]
            files = [file_with(sale.access_key, incoming(sale)) for sale in pouch]
            spool.accept(till.id, body_of([sale.access_key for sale in pouch]), files, received_at=time.time())
        poster = Poster(spool, engine, lambda: erp, _keep_nothing, PostingSettings(), StoreSettings())
        took.append(_timed(lambda: _drain(poster)))  # noqa: B023
    engine.dispose()
    return BATCH / statistics.median(took[1:])


def _drain(poster: Poster) -> None:
    assert poster.drain() == BATCH


def _keep_nothing(rejected: object) -> None:
    raise AssertionError("nothing is rejected here")


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[str]:
    """A PostgreSQL of its own, with every sync that a real one does."""
    server = postgres.start(folder / "postgresql", folder / "run")
    try:
        yield server.url
    finally:
        server.stop()
