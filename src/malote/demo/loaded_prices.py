"""The prices that a till has by its load, read as any POS reads them: through the view of docs/till-loads.md."""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from malote.demo.baskets import NO_PRICES
from malote.demo.catalogue import products

_FILE = "loads.sqlite3"
_QUERY = "SELECT product_code, unit, price FROM price_now"


def beside(outbox: Path) -> Callable[[], Mapping[str, int]]:
    """Asked at each sale: cents by product code; of what has none there the catalogue's price holds."""
    return lambda: now(outbox.with_name(_FILE))


def now(path: Path) -> Mapping[str, int]:
    if not path.exists():
        return NO_PRICES
    units = {product.code: product.unit for product in products()}
    found: dict[str, int] = {}
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            for code, unit, price in connection.execute(_QUERY):
                # The price of the unit that is sold, or else one for any.
                if unit in (units.get(code), "", None) and (code not in found or unit):
                    found[code] = int(Decimal(price) * 100)
    except sqlite3.Error:
        return NO_PRICES  # a load without prices, or one that is just being made anew
    return found
