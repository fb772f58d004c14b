"""What a till calls otherwise than the ERP: booked as people mapped it, the document unchanged."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection, Engine, Table, select

from malote.database.engine import reading
from malote.database.quarantine_tables import payment_map, product_map
from malote.fiscal.documents import Document, Sale

Codes = Mapping[tuple[str, str], str]  # issuer and the till's code -> the ERP's

REMEMBERED_SECONDS = 2.0  # a poster looks before every batch


class MappedCodes(msgspec.Struct, frozen=True):
    """``payments``: codes of methods of payment (tPag)."""

    products: Codes = {}
    payments: Codes = {}


def renamed(document: Document, codes: MappedCodes) -> Document:
    """The document as the ERP is to book it."""
    if not isinstance(document, Sale):
        return document
    issuer = document.issuer
    if codes.products and any((issuer, item.product_code) in codes.products for item in document.items):
        items = [
            msgspec.structs.replace(one, product_code=codes.products.get((issuer, one.product_code), one.product_code))
            for one in document.items
        ]
        document = msgspec.structs.replace(document, items=tuple(items))
    if codes.payments and any((issuer, payment.method) in codes.payments for payment in document.payments):
        payments = [
            msgspec.structs.replace(one, method=codes.payments.get((issuer, one.method), one.method))
            for one in document.payments
        ]
        document = msgspec.structs.replace(document, payments=tuple(payments))
    return document


def mapped(engine: Engine) -> MappedCodes:
    """Every mapping there is. Raises ``StoreError``."""
    with reading(engine) as connection:
        return MappedCodes(_of(connection, product_map), _of(connection, payment_map))


def _of(connection: Connection, table: Table) -> Codes:
    rows = connection.execute(select(table.c.issuer, table.c.old_code, table.c.new_code))
    return {(row.issuer, row.old_code): row.new_code for row in rows}
