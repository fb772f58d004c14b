"""A person says why deleted sales need not be booked: from then on nothing tells that the ERP lacks them."""

from collections import defaultdict
from collections.abc import Collection

import msgspec

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.database.engine import writing
from malote.quarantine.deleting import typed
from malote.quarantine.dependencies import QuarantineParts
from malote.spool import deleted_unbooked, history
from malote.spool.history import HistoryLine


class Accepted(msgspec.Struct, frozen=True):
    """``documents`` by number, in order of arrival; ``total`` in cents."""

    documents: list[int]
    total: int


def accept(
    parts: QuarantineParts, till: str | None, ids: Collection[int] | None, actor: Actor, *, reason: str
) -> Accepted:
    """``ids`` None: all that is deleted and unbooked, of the till or of every till.

    Raises ``QuarantineError`` ``reason_needed``.
    """
    said, now = typed(reason), parts.clock()
    with writing(parts.engine) as connection:
        found = deleted_unbooked.accept(connection, till, ids)
        lines = [HistoryLine(one.document_id, "unbooked_accepted", {"reason": said}) for one in found]
        history.record(connection, lines, actor.name, now)
        by_till: dict[str, list[int]] = defaultdict(list)
        for one in found:
            by_till[one.till].append(one.document_id)
        for name, listed in by_till.items():
            total = sum(one.total for one in found if one.till == name)
            after = {"documents": [str(one) for one in listed], "total_cents": total}
            audit.record(connection, actor, "unbooked_accepted", f"till:{name}", after=after, reason=said, now=now)
    return Accepted([one.document_id for one in found], sum(int(one.total) for one in found))
