"""What a sending leaves out, since what is kept of it here isn't what came any more: named, never passed over."""

from collections.abc import Collection, Sequence
from typing import Literal

import msgspec
from sqlalchemy import Connection, Engine

from malote.consumers import log, periods
from malote.consumers.log import Got
from malote.consumers.periods import PeriodPlace
from malote.fiscal.amounts import money
from malote.spool.feed import Change

#   line  told with what identifies it alone (``complete`` is false)
#   file  its file isn't in the folder
Missing = Literal["line", "file"]
MOST_NAMED = 50  # in one entry of a consumer's log


class LeftOut(msgspec.Struct, frozen=True):
    """A document of which something was not sent. ``total`` in cents."""

    document_id: int
    day: str
    till: str
    kind: str | None
    access_key: str | None
    series: int | None
    number: int | None
    total: int | None
    what: list[Missing]


def found(
    engine: Engine, told: Sequence[tuple[PeriodPlace, Change]], lines: Collection[int], files: Collection[int]
) -> list[LeftOut]:
    """Of what was told: ``lines`` were incomplete, ``files`` not written. What was pruned isn't damaged.

    Raises ``StoreError``.
    """
    pruned = periods.pruned_ones(engine, sorted({*lines, *files}))
    omitted: list[LeftOut] = []
    for place, one in told:
        which: list[tuple[Missing, Collection[int]]] = [("line", lines), ("file", files)]
        what = [name for name, those in which if place.document_id in those]
        if what and place.document_id not in pruned:
            number = one.document_number
            omitted.append(
                LeftOut(
                    place.document_id, place.day, place.till, one.kind, one.access_key, one.series, number, one.total,
                    what,
                )
            )  # fmt: skip
    return omitted


def record(connection: Connection, consumer_id: int, order: int, some: Sequence[LeftOut], now: float) -> None:
    """In the transaction that notes how far the sending has come: whoever goes on with it knows of them."""
    if not some:
        return
    named = "; ".join(_named(one) for one in some[:MOST_NAMED])
    more = f"; +{len(some) - MOST_NAMED}" if len(some) > MOST_NAMED else ""
    days = sorted({one.day for one in some})
    detail = {"order": str(order), "from": days[0], "until": days[-1], "documents": named + more}
    log.record(connection, consumer_id, Got("left_out", len(some), detail=detail), now)


def _named(one: LeftOut) -> str:
    number = f"{one.series}/{one.number}" if one.number is not None else one.kind or "?"
    return f"{one.till} {number} {one.access_key or '-'} {money(one.total or 0)}"
