"""What the till answers where the server asks about its own books: which numbers it has, and the sales of a day."""

from malote import wire
from malote.till import books
from malote.till.outbox import Outbox


class TillWitness:
    """Belongs to its outbox's thread. What was asked is answered once, in the next contact."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._asked: wire.Asked | None = None

    def heed(self, reply: wire.ContactReply) -> bool:
        """Whether there is something to answer that wasn't asked just before: that is told soon."""
        before, self._asked = self._asked, reply.asked
        return reply.asked is not None and reply.asked != before

    def told(self) -> wire.Told | None:
        """Raises ``OutboxError``."""
        if self._asked is None:
            return None
        numbers = [self._numbers(one) for one in self._asked.numbers[: wire.MOST_RANGES]]
        lines = books.lines_of(self._outbox, self._asked.day) if self._asked.day else None
        fits = lines is not None and len(lines) <= wire.MOST_LINES
        return wire.Told(numbers, wire.DayTold(self._asked.day, lines) if lines is not None and fits else None)

    def _numbers(self, asked: wire.NumberRange) -> wire.NumbersTold:
        found = self._outbox.rows(
            "SELECT DISTINCT number FROM document WHERE kind = 'sale' AND issuer = ? AND model = ? AND series = ?"
            " AND number BETWEEN ? AND ? ORDER BY number LIMIT ?",
            (asked.issuer, asked.model, asked.series, asked.first, asked.last, wire.MOST_ASKED),
        )
        return wire.NumbersTold(asked, [number for (number,) in found])
