"""Both sides of the books, on a connection of their own to the ERP."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from malote.books.reconciling import Books
from malote.business_day import business_day
from malote.config import Settings
from malote.erp.factory import open_configured
from malote.reconciliation import erp_memory


@contextmanager
def open_books(engine: Engine, settings: Settings) -> Iterator[Books]:
    """Closed at the end of the block. Raises ``ErpError``, ``StoreError``."""
    erp = open_configured(settings, remembered=erp_memory.recall(engine).schema)
    try:
        yield Books(engine, erp, business_day(settings.books), settings.books.compare_sales)
    finally:
        erp.close()
