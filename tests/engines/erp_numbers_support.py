"""One document at a time, and the keys that count in the ERP's own tables."""

from typing import Any

import msgspec
from sqlalchemy import select

from malote.erp.protocol import Erp, Result
from malote.erp.tables import sale as sale_table
from malote.fiscal.documents import Document, Sale
from tests.engines.erp_support import Tables
from tests.engines.sales import posting, protocol


def again(of: Sale, *, authorised: bool = True, code: str = "77777777", **changes: Any) -> Sale:
    """The same number under another key."""
    key = of.access_key[:35] + code + of.access_key[43:]
    return msgspec.structs.replace(of, access_key=key, protocol=protocol(of.number) if authorised else None, **changes)


def one(erp: Erp, document: Document, number: int) -> Result:
    return erp.post([posting(document, number)])[0].result


def revenue(tables: Tables) -> list[tuple[str, int]]:
    """The keys that count, with their totals."""
    column = sale_table.c
    query = select(column.access_key, column.total).where(column.cancelled_at.is_(None)).order_by(column.access_key)
    return [(row[0], row[1]) for row in tables.ask(query)]


def mended(of: Sale, **changes: Any) -> Sale:
    first = msgspec.structs.replace(of.items[0], ncm="10063011", description="ARROZ POLIDO")
    return msgspec.structs.replace(of, items=(first, *of.items[1:]), protocol=protocol(of.number), **changes)
