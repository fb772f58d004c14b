"""Numbers of a series that more than one key claims, that were voided though sold, or whose protocol is overdue."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, select

from malote.database.chunks import chunks
from malote.database.tables import document as documents
from malote.database.tables import open_sale

MOST_RANGES = 200  # of voids, looked at in one statement each


class Doubts:
    """Within one reading transaction. ``sales`` are the conditions of the series' sales."""

    def __init__(self, connection: Connection, sales: tuple[ColumnElement[bool], ...]) -> None:
        self._connection = connection
        self._sales = sales

    def two_keys(self, numbers: Sequence[int]) -> dict[int, list[str]]:
        """Of these numbers those that more than one key claims, with the keys; what was settled claims nothing."""
        claimed: dict[int, set[str]] = defaultdict(set)
        for chunk in chunks(sorted(numbers)):
            query = select(documents.c.number, documents.c.access_key).distinct()
            query = query.where(*self._sales, documents.c.number.in_(chunk), documents.c.access_key.is_not(None))
            query = query.where(documents.c.state.not_in(("discarded", "kept")))
            for number, key in self._connection.execute(query):
                claimed[number].add(key)
        several = {number: keys for number, keys in claimed.items() if len(keys) > 1}
        cancelled = self._cancelled([key for keys in several.values() for key in keys])
        left = {number: sorted(keys - cancelled) for number, keys in several.items()}
        return {number: keys for number, keys in sorted(left.items()) if len(keys) > 1}

    def booked_among(self, ranges: Sequence[tuple[int, int]]) -> list[int]:
        """Numbers within these ranges (first and last) whose sales are booked, and not cancelled."""
        found: dict[str, int] = {}
        for first, last in [one for one in ranges if one[0] <= one[1]][:MOST_RANGES]:
            query = select(documents.c.access_key, documents.c.number).where(*self._sales)
            query = query.where(documents.c.number.between(first, last), documents.c.state == "posted")
            found |= {key or "": number for key, number in self._connection.execute(query)}
        cancelled = self._cancelled(list(found))
        return sorted({number for key, number in found.items() if key not in cancelled})

    def overdue(self, after: int, last: int, now: float) -> list[int]:
        """Numbers behind ``after`` up to ``last`` of booked sales without protocol after their deadline."""
        query = select(documents.c.number).join_from(open_sale, documents, documents.c.id == open_sale.c.document_id)
        query = query.where(open_sale.c.due_at < now, *self._sales)
        query = query.where(documents.c.number > after, documents.c.number <= last)
        return sorted(self._connection.execute(query).scalars())

    def _cancelled(self, keys: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for chunk in chunks(sorted(set(keys))):
            query = select(documents.c.access_key).where(documents.c.access_key.in_(chunk))
            query = query.where(documents.c.kind == "cancellation", documents.c.state == "posted")
            found |= set(self._connection.execute(query).scalars())
        return found
