"""Which price had a till for a product at a moment, whole: its name, promotions of then, and what it was sold at then.

Costs a few looks into indexes, and the hour after the moment.
"""

from typing import Any

import msgspec
from sqlalchemy import Engine

from malote.database.engine import reading
from malote.fiscal.documents import Item, Sale
from malote.loads import price_history, rows_by_code, sold_prices, tills_held
from malote.loads.load_reports import PriceAnswer
from malote.loads.load_service import Loads
from malote.register import sales_near
from malote.register.documents import StoredDocument
from malote.tills.till import find_till

SHOWN = 10  # sales


class SoldNear(msgspec.Struct, frozen=True):
    """A line of a sale. ``price`` and ``quantity``: decimals. ``is_otherwise``: that it was found to be sold at a price
    that the till's list hadn't then."""

    document_id: int
    series: int | None
    number: int | None
    issued_at: str
    price: str
    quantity: str
    is_otherwise: bool


class PriceThen(msgspec.Struct, frozen=True):
    """``code`` and ``description``: the product's, "" where its list had none. ``promotions``: of then, by column.
    ``sold``: the nearest in time first."""

    answer: PriceAnswer
    code: str
    description: str
    promotions: list[dict[str, Any]]
    sold: list[SoldNear]


def price_then(engine: Engine, loads: Loads, product: str, till: str, moment: float) -> PriceThen:
    """``product``: its code or a barcode of it; ``till`` "": of the newest version. Raises ``TillError``,
    ``StoreError``."""
    answer = loads.price(product, till=till, at=moment)
    code = str(answer.prices[0].values["product_code"]) if answer.prices else product
    till_id = find_till(engine, till).id if till else None
    with reading(engine) as connection:
        version, promoted = answer.version, answer.version
        if till_id is not None:
            held = tills_held.at(connection, till_id, moment)
            version, promoted = (held.version_of(name) for name in ("product", "promotion")) if held else (0, 0)
        named = rows_by_code.find(connection, "product", [code], [version]).at(code, version)
        promotions = rows_by_code.find(connection, "promotion", [code], [promoted]).at(code, promoted)
    description = str(named[0].values.get("description") or "") if named else ""
    at = price_history.spelt(moment)
    valid = [one.values for one in promotions if price_history.is_valid(one.values, at)]
    sold = _sold(engine, till_id, code, moment) if till_id is not None else []
    return PriceThen(answer, code, description, valid, sold)


def _sold(engine: Engine, till_id: int, code: str, moment: float) -> list[SoldNear]:
    found = [
        (document, sale, item)
        for document, sale in sales_near.near(engine, till_id, moment)
        for item in sale.items
        if item.product_code == code
    ]
    found = sorted(found, key=lambda one: abs(one[1].issued_at.timestamp() - moment))[:SHOWN]
    with reading(engine) as connection:
        otherwise = sold_prices.otherwise(connection, {sale.access_key for _, sale, _ in found})
    return [_near(*one, is_otherwise=(one[1].access_key, one[2].number) in otherwise) for one in found]


def _near(document: StoredDocument, sale: Sale, item: Item, *, is_otherwise: bool) -> SoldNear:
    price, quantity, issued = str(item.unit_price), str(item.quantity), sale.issued_at.isoformat()
    return SoldNear(document.id, document.series, document.number, issued, price, quantity, is_otherwise)
