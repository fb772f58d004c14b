"""Products that a till calls otherwise than the ERP: booked as people mapped them, the document unchanged."""

import threading
import time
from collections.abc import Callable, Mapping

import msgspec

from malote.fiscal.documents import Document, Sale

Products = Mapping[tuple[str, str], str]  # issuer and the till's code -> the ERP's

REMEMBERED_SECONDS = 2.0


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


class Remembered:
    """The mappings, asked for anew after a moment: a poster looks before every batch."""

    def __init__(self, ask: Callable[[], Products]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._known: Products = {}
        self._until = float("-inf")

    def __call__(self) -> Products:
        with self._lock:
            if time.monotonic() >= self._until:
                self._known = self._ask()
                self._until = time.monotonic() + REMEMBERED_SECONDS
            return self._known
