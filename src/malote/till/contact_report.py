"""The till's sign of life: what it tells the server of itself, also when it can write nothing down any more."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from malote import __version__, wire
from malote.till import lost_sales, vanished_files
from malote.till.folder_counts import FolderSight
from malote.till.loads import held_entities, loads_database
from malote.till.orders import older_servers, structure
from malote.till.outbox import Outbox
from malote.till.outbox_records import CaptureRefusal, OutboxCounts
from malote.till.storage import OutboxError
from malote.till.trouble_notices import Voice
from malote.till.unsent import oldest_unsent

# Trouble with the line is the server's to notice; it can't be told over it.
_OF_THE_LINE = frozenset({"server", "contact", "receipts", "pouch", "orders"})
# The server learns of these by ``Contact.refused``.
_OF_THE_FOLDER = frozenset({"folder", "start"})


class TillSigns:
    """Shared by the agent's threads; each calls with an outbox of its own, or with none where it can't be opened."""

    def __init__(self, voice: Voice, sight: FolderSight, now: Callable[[], float] = time.time) -> None:
        self._voice = voice
        self._sight = sight
        self._now = now
        self._counts = OutboxCounts()  # as last read

    def of(
        self,
        outbox: Outbox,
        orders: list[wire.OrderProgress],
        days: list[wire.TillDay],
        told: wire.Told | None = None,
    ) -> wire.Contact:
        """Raises ``OutboxError``."""
        self._counts = counts = outbox.unproven()
        sales = lost_sales.all_of(outbox)
        return wire.Contact(
            agent_version=__version__,
            clock=datetime.fromtimestamp(self._now(), UTC).astimezone(),
            pending=counts.captured + counts.held,
            unproven=counts.accepted + counts.rejected + counts.discarded,
            refused=[_refused(refusal) for refusal in outbox.refusals()[: wire.MAX_QUERY]],
            orders=orders,
            loads=held_entities.said(loads_database.path_beside(outbox.path)),
            synchronised=older_servers.synchronised(orders),
            structure=structure.said(outbox, older_servers.structure(orders)),
            folder=self._folder(),
            unsent_seconds=oldest_unsent(outbox, self._now()),
            troubles=[*self._lasting(), *kept(outbox, sales, self._now())][: wire.MAX_TOLD],
            lost=[lost_sales.said(sale) for sale in sales[: wire.MAX_TOLD]],
            days=days[: wire.MAX_TOLD],
            told=told,
        )

    def without_outbox(self, error: OutboxError) -> wire.Contact:
        """What can be told while the outbox can't be opened: its counts as last read, and that."""
        counts = self._counts
        trouble = wire.TillTrouble(error.code, facts=error.facts)
        return wire.Contact(
            agent_version=__version__,
            clock=datetime.fromtimestamp(self._now(), UTC).astimezone(),
            pending=counts.captured + counts.held,
            unproven=counts.accepted + counts.rejected + counts.discarded,
            folder=self._folder(),
            troubles=_by_code([trouble, *self._lasting()]),
        )

    def _folder(self) -> wire.FolderCount | None:
        count = self._sight.count
        if count is None:
            return None
        return wire.FolderCount(count.seen, count.captured, count.uncaptured, count.oldest_seconds(self._now()))

    def _lasting(self) -> list[wire.TillTrouble]:
        return _by_code(
            [
                wire.TillTrouble(one.problem.code, one.seconds, facts=dict(one.problem.facts))
                for one in self._voice.lasting
                if one.topic not in _OF_THE_LINE | _OF_THE_FOLDER
            ]
        )


def kept(outbox: Outbox, sales: list[lost_sales.LostFile], now: float) -> list[wire.TillTrouble]:
    """What the outbox remembers of troubles that are no state of the machine."""
    found = []
    if sales:
        oldest = min(sale.at for sale in sales)
        value = min(sum(max(sale.total or 0, 0) for sale in sales), 2**53)
        facts = {"count": str(len(sales))}
        found.append(wire.TillTrouble("sales_lost", max(0.0, now - oldest), len(sales), value, facts))
    gone = vanished_files.vanished(outbox)
    if gone:
        facts = {"count": str(len(gone)), "name": ", ".join(one.name for one in gone[-3:])}
        found.append(wire.TillTrouble("file_vanished", max(0.0, now - gone[0].at), len(gone), facts=facts))
    reused = vanished_files.reused(outbox, now)
    if reused is not None:
        facts = {"name": reused.name}
        found.append(wire.TillTrouble("name_reused", max(0.0, now - reused.since), reused.count, facts=facts))
    return found


def _by_code(troubles: list[wire.TillTrouble]) -> list[wire.TillTrouble]:
    """Each code once, for as long as it has gone on in any thread."""
    longest: dict[str, wire.TillTrouble] = {}
    for one in troubles:
        known = longest.get(one.code)
        if known is None or known.seconds < one.seconds:
            longest[one.code] = one
    return list(longest.values())


def _refused(refusal: CaptureRefusal) -> wire.RefusedFile:
    return wire.RefusedFile(refusal.name, refusal.size, refusal.code)
