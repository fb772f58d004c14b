"""A kind of orders that only tests know: the till's file of it. Each number is a row, in a commit of its own."""

from collections.abc import Iterator

from malote.till.orders.handling import Handler, HandlingProgress, OrderError, OrderRecord
from malote.till.outbox import Outbox

MOST = 1000


class Count(Handler):
    """Goes on behind the last row that is there."""

    kind = "count"

    def check(self, payload: str) -> None:
        if int(payload) > MOST:
            raise OrderError("order_unknown", kind=payload)

    def carry_out(self, order: OrderRecord) -> Iterator[HandlingProgress]:
        total = int(order.payload)
        list(self.means.outbox.rows("CREATE TABLE IF NOT EXISTS counted (number INTEGER NOT NULL)"))
        for number in range(len(counted(self.means.outbox)) + 1, total + 1):
            list(self.means.outbox.rows("INSERT INTO counted VALUES (?)", (number,)))
            yield HandlingProgress(number, total, "rows")


def counted(outbox: Outbox) -> list[int]:
    """What was counted so far."""
    if not list(outbox.rows("SELECT 1 FROM sqlite_master WHERE name = 'counted'")):
        return []
    return [number for (number,) in outbox.rows("SELECT number FROM counted ORDER BY rowid")]
