"""The demo's own look into the ERP, past Malote's code for booking: what is in the tables, added up by the database.

And what the demo adds to them: constraints that refuse a product and the newest methods of payment, so that a sale can
fail there.
"""

from typing import Self

import msgspec
from sqlalchemy import Engine, create_engine, func, make_url, select, text

from malote.demo.baskets import WHOLE
from malote.demo.proof import Goods
from malote.erp.factory import open_erp
from malote.erp.protocol import BookedSale
from malote.erp.tables import number_void, payment, sale, sale_item, stock
from malote.structures.last_year import make_erp

REFUSED_PRODUCT = "999999"
REFUSED_PREFIX = "99999"  # that of the laboratory's: one that was mapped once is refused no more
REFUSED_METHODS = ("23", "24", "22", "20", "19", "18")  # tPag
_CONSTRAINT = "demo_refused_product"
_METHOD_CONSTRAINT = "demo_refused_method"

_CHECK = f"ADD CONSTRAINT {_CONSTRAINT} CHECK (product_code NOT LIKE '{REFUSED_PREFIX}_')"
_TRIGGER = f"""
    CREATE TRIGGER IF NOT EXISTS {_CONSTRAINT} BEFORE INSERT ON sale_item WHEN NEW.product_code LIKE '{REFUSED_PREFIX}_'
    BEGIN SELECT RAISE(ABORT, '{_CONSTRAINT}'); END
"""
_METHOD_CHECK = f"ADD CONSTRAINT {_METHOD_CONSTRAINT} CHECK (method NOT IN {REFUSED_METHODS})"
_METHOD_TRIGGER = f"""
    CREATE TRIGGER IF NOT EXISTS {_METHOD_CONSTRAINT} BEFORE INSERT ON payment WHEN NEW.method IN {REFUSED_METHODS}
    BEGIN SELECT RAISE(ABORT, '{_METHOD_CONSTRAINT}'); END
"""
_REFUSE = {
    "postgresql": (
        f"ALTER TABLE sale_item DROP CONSTRAINT IF EXISTS {_CONSTRAINT}, {_CHECK}",
        f"ALTER TABLE payment DROP CONSTRAINT IF EXISTS {_METHOD_CONSTRAINT}, {_METHOD_CHECK}",
    ),
    "sqlite": (_TRIGGER, _METHOD_TRIGGER),
}


class ErpTotals(msgspec.Struct, frozen=True):
    """How many sales the ERP has, and their sum in cents."""

    sales: int = 0
    amount: int = 0


def engine_of(url: str) -> Engine:
    """One connection to the ERP, past Malote's own way there."""
    address = make_url(url)
    if address.get_backend_name() == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    return create_engine(address, pool_size=1, pool_pre_ping=True)


class ErpBooks:
    """Reads the ERP at ``url``. For one thread."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = engine_of(url)
        self.engine = self._engine.dialect.name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._engine.dispose()

    def prepare(self, *, last_year: bool = False) -> None:
        """Creates the tables that are absent, as they are now or as they were in 2025."""
        if last_year:
            make_erp(self.url)
        erp = open_erp(self.url, lock_timeout_seconds=10)
        try:
            erp.create_structure()
        finally:
            erp.close()

    def refuse_unknown_codes(self) -> None:
        with self._engine.begin() as connection:
            for statement in _REFUSE[connection.dialect.name]:
                connection.execute(text(statement))

    def totals(self) -> ErpTotals:
        with self._engine.connect() as connection:
            count, amount = connection.execute(select(func.count(), func.sum(sale.c.total))).one()
        return ErpTotals(count, amount or 0)

    def booked(self) -> list[BookedSale]:
        """Every sale, as Malote's own port to the ERP reads them."""
        erp = open_erp(self.url, lock_timeout_seconds=10)
        try:
            return list(erp.booked())
        finally:
            erp.close()

    def uneven(self) -> list[str]:
        """Keys of sales whose items, or whose payments less change, don't add up to their total."""
        net = sale_item.c.gross - sale_item.c.discount
        items = select(sale_item.c.access_key, func.sum(net).label("net")).group_by(sale_item.c.access_key).subquery()
        paid = (
            select(payment.c.access_key, func.sum(payment.c.amount).label("amount"))
            .group_by(payment.c.access_key)
            .subquery()
        )
        statement = (
            select(sale.c.access_key)
            .outerjoin(items, items.c.access_key == sale.c.access_key)
            .outerjoin(paid, paid.c.access_key == sale.c.access_key)
            .where(
                (func.coalesce(items.c.net, 0) != sale.c.total)
                | (func.coalesce(paid.c.amount, 0) - sale.c.change != sale.c.total)
            )
        )
        with self._engine.connect() as connection:
            return list(connection.execute(statement).scalars())

    def stock(self) -> Goods:
        """How each product's stock has moved."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(stock.c.issuer, stock.c.product_code, stock.c.quantity))
            return {(issuer, product): int(quantity * WHOLE) for issuer, product, quantity in rows}

    def voids(self) -> set[tuple[str, int, int, int]]:
        """Issuer, series, first and last number of what was voided."""
        columns = (number_void.c.issuer, number_void.c.series, number_void.c.first, number_void.c.last)
        with self._engine.connect() as connection:
            return {
                (issuer, series, first, last) for issuer, series, first, last in connection.execute(select(*columns))
            }
