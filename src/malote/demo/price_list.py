"""The price list of the demo's ERP: two tables of its own beside Malote's, and somebody who changes prices there."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from importlib import resources
from random import Random

import msgspec
from sqlalchemy import (
    Column,
    Engine,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    bindparam,
    func,
    insert,
    select,
    update,
)

from malote.demo.catalogue import products
from malote.demo.erp_books import engine_of

_metadata = MetaData()
_product = Table(
    "demo_product",
    _metadata,
    Column("code", String(60), primary_key=True),
    Column("gtin", String(14), nullable=False),
    Column("description", String(120), nullable=False),
    Column("unit", String(6), nullable=False),
    Column("ncm", String(8), nullable=False),
    Column("cest", String(7), nullable=False),
)
_price = Table(
    "demo_price",
    _metadata,
    Column("product_code", String(60), primary_key=True),
    Column("unit", String(6), nullable=False),
    Column("price", Numeric(12, 2), nullable=False),
    Column("revision", Integer, nullable=False, index=True),
)


class PriceChange(msgspec.Struct, frozen=True):
    """``prices``: the new ones, in cents by product code. ``committed``: when, by ``time.monotonic``."""

    prices: Mapping[str, int]
    committed: float


def sources() -> bytes:
    """Where a server finds these tables: the content of the file of ``loads.sources``."""
    return (resources.files("malote.demo") / "data" / "loads.toml").read_bytes()


def prepare(url: str) -> None:
    """Makes the tables, with the catalogue's products and prices, unless they are there. Raises
    ``SQLAlchemyError``."""
    with _engine(url) as engine, engine.begin() as connection:
        _metadata.create_all(connection)
        if connection.execute(select(_price.c.product_code).limit(1)).first() is not None:
            return
        goods = [{name: getattr(one, name) for name in _product.c.keys()} for one in products()]  # noqa: SIM118 columns
        priced = [
            {"product_code": one.code, "unit": one.unit, "price": _reais(one.price), "revision": 1}
            for one in products()
        ]
        connection.execute(insert(_product), goods)
        connection.execute(insert(_price), priced)


def change(url: str, count: int, dice: Random | None = None) -> PriceChange:
    """Gives so many products, at most all, another price in one transaction: up to a fifth around the catalogue's, and
    never the catalogue's own. Raises ``SQLAlchemyError``."""
    listed = {one.code: one.price for one in products()}
    with _engine(url) as engine:
        with engine.begin() as connection:
            revision = connection.execute(select(func.max(_price.c.revision))).scalar_one() + 1
            held = {row.product_code: int(row.price * 100) for row in connection.execute(select(_price))}
            known = sorted(set(held) & set(listed))
            dice = dice or Random()
            chosen = dice.sample(known, min(count, len(known)))
            prices = {code: _another(dice, listed[code], held[code]) for code in chosen}
            connection.execute(
                update(_price)
                .where(_price.c.product_code == bindparam("code"))
                .values(price=bindparam("new"), revision=revision),
                [{"code": code, "new": _reais(price)} for code, price in prices.items()],
            )
        return PriceChange(prices, time.monotonic())


def _another(dice: Random, listed: int, held: int) -> int:
    reach = max(3, listed // 5)
    return dice.choice([one for one in range(max(1, listed - reach), listed + reach + 1) if one not in (listed, held)])


def _reais(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


@contextmanager
def _engine(url: str) -> Iterator[Engine]:
    engine = engine_of(url)
    try:
        yield engine
    finally:
        engine.dispose()
