"""Products that a till calls otherwise than the ERP: booked as people mapped them, the document unchanged."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import Engine, select

from malote.database.engine import reading
from malote.database.quarantine_tables import product_map
from malote.fiscal.documents import Document, Sale

Products = Mapping[tuple[str, str], str]  # issuer and the till's code -> the ERP's

REMEMBERED_SECONDS = 2.0  # a poster looks before every batch


def renamed(document: Document, products: Products) -> Document:
    """The document as the ERP is to book it."""
    if not products or not isinstance(document, Sale):
        return document
    issuer = document.issuer
    if not any((issuer, item.product_code) in products for item in document.items):
        return document
    items = [
        msgspec.structs.replace(item, product_code=products.get((issuer, item.product_code), item.product_code))
        for item in document.items
    ]
    return msgspec.structs.replace(document, items=tuple(items))


def mapped(engine: Engine) -> Products:
    """Every mapping there is. Raises ``StoreError``."""
    with reading(engine) as connection:
        rows = connection.execute(select(product_map.c.issuer, product_map.c.old_code, product_map.c.new_code))
        return {(row.issuer, row.old_code): row.new_code for row in rows}
