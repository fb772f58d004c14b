"""A look into the ERP's tables past the code under test, and short ways to post."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Engine, create_engine, func, make_url, select, text

from malote.erp import rows
from malote.erp.mapping import BUILT_IN
from malote.erp.protocol import Erp, Outcome, Result
from malote.erp.tables import cancellation, number_void, payment, posting_key, sale, sale_item, stock
from malote.fiscal.documents import Document, Sale
from tests.engines.sales import ISSUER, postings
from tests.engines.sales import sale as any_sale


class Tables:
    """The ERP's tables as somebody else would read and change them."""

    def __init__(self, url: str) -> None:
        address = make_url(url)
        if address.get_backend_name() == "postgresql":
            address = address.set(drivername="postgresql+psycopg")
            address = address.update_query_dict({"client_encoding": "UTF8"})
        self.engine: Engine = create_engine(address)

    def run(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))

    def ask(self, statement: Any) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(statement)]

    def counts(self) -> dict[str, int]:
        tables = (posting_key, sale, sale_item, payment, stock, cancellation, number_void)
        found = {table.name: self.ask(select(func.count()).select_from(table))[0][0] for table in tables}
        # Of the ledger the documents: the guard of the numbers stands in it too.
        guard = posting_key.c.identity.like("number:%") | posting_key.c.identity.like("guard:%")
        found["posting_key"] -= self.ask(select(func.count()).select_from(posting_key).where(guard))[0][0]
        return found

    def stock(self) -> dict[str, Decimal]:
        """By product of the usual issuer."""
        found = self.ask(select(stock.c.product_code, stock.c.quantity).where(stock.c.issuer == ISSUER))
        return {row[0]: row[1] for row in found}

    def sale(self, key: str) -> Sale:
        with self.engine.connect() as connection:
            blank = msgspec.structs.replace(any_sale(), access_key=key, items=(), payments=())
            return rows.booked_sales(connection, BUILT_IN, {key: blank})[key]

    def cancelled(self) -> list[str]:
        return [row[0] for row in self.ask(select(sale.c.access_key).where(sale.c.cancelled_at.is_not(None)))]

    def protocol_of(self, key: str) -> tuple[Any, ...]:
        column = sale.c
        return self.ask(select(column.protocol_number, column.protocol_status).where(column.access_key == key))[0]


def results(outcomes: Sequence[Outcome]) -> list[Result]:
    return [outcome.result for outcome in outcomes]


def post(erp: Erp, *documents: Document, first_id: int = 1) -> list[Result]:
    return results(erp.post(postings(documents, first_id=first_id)))
