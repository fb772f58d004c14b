"""Sales of a till that were issued around a moment: what it sold then, and at which prices.

Nothing is ordered by when it was issued, so they are looked for among those that came by an hour after the moment: of a
till that was cut off then, none may be found. Costs that hour, however long the history.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.fiscal.documents import Sale
from malote.register.documents import StoredDocument
from malote.register.halving import first_since
from malote.register.reopening import ExtractedPlace, reopened
from malote.register.till_documents import listed, stored

NEAR_SECONDS = 1800.0  # before and after
_LATER_SECONDS = 3600.0  # that a sale may have come after the moment
_CLOCK_SECONDS = 120.0  # that a till's clock may be ahead
_MOST_SEEN, _MOST_OPENED = 2000, 200  # sales


def near(engine: Engine, till_id: int, moment: float) -> Iterator[tuple[StoredDocument, Sale]]:
    """Booked ones, in no order. ``moment``: seconds since the epoch. Raises ``StoreError``."""
    rows = sorted(_rows(engine, till_id, moment), key=lambda row: abs(_issued(row) - moment))[:_MOST_OPENED]
    by_id = {row.id: row for row in rows}
    places = [ExtractedPlace(row.id, row.pouch_id, row.extracted_index) for row in rows]
    for document_id, found in reopened(engine, sorted(places, key=lambda place: place.pouch_id)):
        if isinstance(found, Sale):
            yield stored(by_id[document_id]), found


def _rows(engine: Engine, till_id: int, moment: float) -> list[Any]:
    with reading(engine) as connection:
        low = first_since(connection, documents.c.id, documents.c.accepted_at, moment - NEAR_SECONDS - _CLOCK_SECONDS)
        high = first_since(connection, documents.c.id, documents.c.accepted_at, moment + _LATER_SECONDS)
        query = (
            listed()
            .where(documents.c.state == "posted", documents.c.till_id == till_id)
            .where(documents.c.id >= low, documents.c.id < high, documents.c.kind == "sale")
            .order_by(documents.c.id)
            .limit(_MOST_SEEN)
        )
        rows = connection.execute(query).all()
    return [row for row in rows if row.issued_at and abs(_issued(row) - moment) <= NEAR_SECONDS]


def _issued(row: Any) -> float:
    return datetime.fromisoformat(row.issued_at).timestamp()
