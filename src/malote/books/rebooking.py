"""Lançar de novo: exactly what the ERP lost is booked again from the pouches that the server still keeps.

First a plan, which changes nothing; then the order. Whatever is proven absent at that moment goes back into the queue,
a sale with all that was posted about it, so that it comes before its cancellation; the poster looks once more, in the
transaction that books it.
"""

from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy import Connection, Engine

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.books.reconciling import (
    Books,
    NamedDifference,
    ReconcileQuery,
    compared_now,
    compared_pages,
    named,
    till_names,
)
from malote.reconciliation import erp_memory
from malote.reconciliation.erp_differences import OUTSIDE, REBOOKED, ErpDifference
from malote.spool import rebooking
from malote.spool.state_changes import LockedDocument


class RebookingPlan(msgspec.Struct, frozen=True):
    """``missing`` can be booked again, or only its number's row, or the one beside the sale, be written; of ``pruned``
    the files have left the server; ``accepted`` are left out."""

    missing: list[NamedDifference]
    pruned: list[NamedDifference]
    accepted: list[NamedDifference]

    @property
    def total(self) -> int:
        """Cents."""
        return sum(one.total for one in self.missing)


Choice = Callable[[RebookingPlan], RebookingPlan]


def plan(books: Books, query: ReconcileQuery, now: float, *, accepted: bool = False) -> RebookingPlan:
    """What the ERP lacks of the query's documents. ``accepted``: what a person accepted as gone as well.

    Raises ``StoreError``, ``TillError`` and what the ERP raises.
    """
    found = [one for page in compared_pages(books, query, now) for one in page.differences]
    return _planned(books, found, accepted=accepted)


def plan_known(books: Books, now: float) -> RebookingPlan:
    """The same of what is known to differ already, looked at once more: for a button that shows it."""
    found: list[ErpDifference] = []
    for ids in erp_memory.known_pages(books.engine):
        found += compared_now(books, ids, now).differences
    return _planned(books, found, accepted=False)


def outside_only(planned: RebookingPlan) -> RebookingPlan:
    """The same without what is in the ERP and lacks its number's guard alone: what a button counts as out of it."""
    return msgspec.structs.replace(planned, missing=[one for one in planned.missing if one.what in OUTSIDE])


def guards_only(planned: RebookingPlan) -> RebookingPlan:
    """Just these: of them only the number's row is written."""
    return msgspec.structs.replace(planned, missing=[one for one in planned.missing if one.what == "unguarded"])


def rebook_as_shown(books: Books, chosen: Choice, actor: Actor, shown: int, now: float) -> int | None:
    """Orders what is chosen of what is known, where it is as many documents as somebody was shown; else None, and
    nothing is done. Raises ``StoreError`` and what the ERP raises."""
    planned = chosen(plan_known(books, now))
    return rebook(books.engine, planned, actor, now) if len(planned.missing) == shown else None


def rebook(engine: Engine, planned: RebookingPlan, actor: Actor, now: float, reason: str = "") -> int:
    """Orders what the plan says; how many documents went back into the queue. Raises ``StoreError``.

    Doing it again orders nothing twice: what went back isn't posted any more, or is booked by now.
    """
    names = till_names(engine)
    totals = {one.access_key: one.total for one in planned.missing if one.kind == "sale"}

    def tell(connection: Connection, standings: Sequence[LockedDocument]) -> None:
        for till_id in sorted({one.till_id for one in standings}):
            of_till = [one for one in standings if one.till_id == till_id]
            value = sum(totals.get(key, 0) for key in {one.access_key or "" for one in of_till})
            audit.record(
                connection,
                actor,
                "sales_booked_again",
                f"till:{names[till_id]}",
                before={"state": "posted"},
                after={"state": "accepted", "documents": [str(one.id) for one in of_till], "total_cents": value},
                reason=reason,
                now=now,
            )

    sales = {one.access_key for one in planned.missing if one.kind == "sale"}
    alone = {one.access_key for one in planned.missing if one.kind != "number_void"} - sales
    voids = [one.document_id for one in planned.missing if one.kind == "number_void"]
    ordered = rebooking.order(engine, list(sales), who=actor.name, now=now, note=tell)
    ordered += rebooking.order(engine, list(alone), who=actor.name, now=now, note=tell, kinds=("cancellation",))
    ordered += rebooking.order_voids(engine, voids, who=actor.name, now=now, note=tell)
    return len(ordered)


def _planned(books: Books, found: Sequence[ErpDifference], *, accepted: bool) -> RebookingPlan:
    lost = named(books, [one for one in found if one.what in REBOOKED])
    wanted = [one for one in lost if accepted or not one.accepted]
    pruned = rebooking.keys_without_content(books.engine, [one.access_key for one in wanted])
    return RebookingPlan(
        missing=[one for one in wanted if one.access_key not in pruned],
        pruned=[one for one in wanted if one.access_key in pruned],
        accepted=[one for one in lost if one.accepted and not accepted],
    )
