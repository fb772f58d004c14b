"""An ERP on SQLite with what tills sell with, and a store that stages it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine, select

from malote.accounts.audit import Actor
from malote.config import LoadsSettings
from malote.database.engine import open_database, reading
from malote.database.load_tables import load_refusal
from malote.database.migrations import migrate
from malote.erp.factory import open_erp
from malote.erp.profiles.load_sources import LoadSource
from malote.load_format.digest import digest_of_rows
from malote.load_format.entity import Row
from malote.loads import declarations, published_rows
from malote.loads.staging import EntityReport, Staging, StagingReport
from tests.engines.spool_support import Clock

ANA = Actor("ana")
PRODUCT = LoadSource({"code": "cod", "description": "descr", "ncm": "ncm", "active": True}, table="produto")
PACKAGE = LoadSource({"barcode": "ean", "product_code": "cod"}, table="embalagem")
PRICE = LoadSource(
    {"product_code": "cod", "price": "preco", "valid_from": "de", "valid_until": "ate"},
    table="preco",
    where="loja = :loja",
    changed="alterado",
    overlap=2,
    gone="excluido",
)
OPERATOR = LoadSource({"code": "cod", "name": "nome", "pin_hash": "senha"}, table="operador")
SOURCES = {"product": PRODUCT, "package": PACKAGE, "price": PRICE, "operator": OPERATOR}
SETTINGS = LoadsSettings(parameters={"loja": 3, "outra": "x"}, least_rows=5, quiet_hours="")

_TABLES = """
    CREATE TABLE produto (cod INTEGER, descr TEXT, ncm TEXT);
    CREATE TABLE embalagem (ean TEXT, cod INTEGER);
    CREATE TABLE preco (cod INTEGER, loja INTEGER, preco NUMERIC, de TEXT, ate TEXT, alterado INTEGER, excluido TEXT);
    CREATE TABLE operador (cod TEXT, nome TEXT, senha TEXT);
"""


@contextmanager
def store_beside_erp(folder: Path, count: int = 50) -> Iterator[tuple[Engine, "Erp"]]:
    """A store of this version, empty, and an ERP with ``count`` products."""
    engine = open_database(f"sqlite:///{folder / 'store.sqlite3'}")
    migrate(engine)
    erp = Erp(folder / "erp.sqlite3", count)
    with closing(erp.connection):
        yield engine, erp
    engine.dispose()


class Erp:
    """The ERP's own side: products 1 to ``count`` at R$ 10,00, each with a barcode."""

    def __init__(self, file: Path, count: int = 50) -> None:
        self.url = f"sqlite:///{file}"
        self.connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self.connection.executescript(_TABLES)
        self.turn = 0
        codes = range(1, count + 1)
        self.do("INSERT INTO produto VALUES (?, ?, '22021000')", [(code, f"Produto {code}") for code in codes])
        self.do("INSERT INTO embalagem VALUES (?, ?)", [(f"789{code:010d}", code) for code in codes])
        self.do("INSERT INTO preco VALUES (?, 3, 10, NULL, NULL, 0, 'N')", [(code,) for code in codes])
        self.do("INSERT INTO preco VALUES (?, 4, 99, NULL, NULL, 0, 'N')", [(code,) for code in codes])
        self.do("INSERT INTO operador VALUES (?, ?, ?)", [("7", "Maria da Silva", "$argon2id$v=19$m=1,t=1,p=1$c2Fs")])

    def do(self, statement: str, rows: list[tuple[Any, ...]] | None = None) -> None:
        self.connection.executemany(statement, [()] if rows is None else rows)

    def set_price(self, code: int, price: str, **others: Any) -> None:
        self.turn += 10
        self.do("UPDATE preco SET preco = ?, alterado = ? WHERE cod = ? AND loja = 3", [(price, self.turn, code)])


class Shop:
    """``sources`` may be changed by a test, as its profile would be."""

    def __init__(self, engine: Engine, erp: Erp, settings: LoadsSettings = SETTINGS) -> None:
        self.engine, self.erp, self.clock = engine, erp, Clock()
        self.sources = dict(SOURCES)
        self.asked: list[str] = []
        connect: Callable[[], Any] = lambda: open_erp(erp.url, lock_timeout_seconds=1.0)  # noqa: E731
        self.staging = Staging(
            engine, settings, lambda: declarations.loaded(self.sources, "test"), connect, UTC, self.clock
        )

    def stage(self, *names: str, **others: Any) -> StagingReport:
        self.clock.now += 1
        return self.staging.run(ANA, names=names or None, **others)

    def staged(self, name: str, **others: Any) -> EntityReport:
        (report,) = self.stage(name, **others).entities
        return report

    def rows(self, name: str, version: int | None = None) -> list[Row]:
        """Of a version, and proven: what stands in the table makes the digest that tills are told."""
        found = published_rows.at(self.engine, name, version)
        assert found is not None
        entity, state, rows = found
        listed = list(rows)
        assert digest_of_rows(entity, listed) == state.sha256
        assert len(listed) == state.rows
        return listed

    def prices(self, version: int | None = None) -> dict[str, str]:
        return {str(row[0]): str(row[5]) for row in self.rows("price", version)}


def refused(shop: Shop) -> dict[str, str]:
    with reading(shop.engine) as connection:
        query = select(load_refusal.c.entity, load_refusal.c.code).order_by(load_refusal.c.entity, load_refusal.c.code)
        return {row.entity: row.code for row in connection.execute(query)}


def with_columns(source: LoadSource, **columns: Any) -> LoadSource:
    return msgspec.structs.replace(source, columns=source.columns | columns)
