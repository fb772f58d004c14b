"""The order to synchronise: the folder is looked at again, and what is not proven is sent again."""

from collections.abc import Iterator

from malote import wire
from malote.till import resend
from malote.till.orders.handling import Handler, HandlingProgress, OrderRecord


class Synchronise(Handler):
    """Doing it twice costs a question, and no sale: it is tried for as long as it takes."""

    kind = wire.SYNCHRONISE
    most_tries = None
    is_harmless = True

    def carry_out(self, order: OrderRecord) -> Iterator[HandlingProgress]:
        """What isn't proven, or not known there, is captured anew."""
        del order
        sent = self.means.outbox.resend_all()
        sent += resend.send_again(self.means.outbox, self.means.server.receipts)
        self.means.rescan()
        yield HandlingProgress(sent, sent, "files")
