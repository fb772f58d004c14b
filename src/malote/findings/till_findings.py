"""What is found of tills, from their figures: with count, value, age and the words' facts, the heaviest first."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, select, text

from malote.database.chunks import chunks
from malote.database.tables import document, till
from malote.findings import own_rules
from malote.findings.kinds import OF_TILLS, Finding, Name, finding_of
from malote.tills import troubles as till_troubles
from malote.tills.troubles import SKEWED, KnownTrouble

UNBOOKED = ("accepted", "posting", "waiting", "rejected")
_FLAGGED = "flagged"
_AGED = (*UNBOOKED, _FLAGGED)

Ages = Mapping[str, float]  # by state, and under "flagged": when the oldest came, in seconds since the epoch


def ages(connection: Connection, till_ids: Sequence[int]) -> dict[int, Ages]:
    """Of each till the oldest document in every state that isn't settled: some looks into an index for each."""
    columns = [_first(document.c.state == state).label(state) for state in UNBOOKED]
    # Written as the partial index is, so that it is used.
    columns.append(_first(text("document.state = 'posted' AND document.reason_code IS NOT NULL")).label(_FLAGGED))
    known: dict[int, Ages] = {}
    for some in chunks(till_ids):
        for row in connection.execute(select(till.c.id, *columns).where(till.c.id.in_(some))).all():
            known[row.id] = {name: at for name, at in zip(_AGED, row[1:], strict=True) if at is not None}
    return known


def oldest(of_till: Ages) -> float | None:
    """When the oldest came that isn't booked."""
    return min((at for name, at in of_till.items() if name != _FLAGGED), default=None)


def findings(
    connection: Connection, rows: Sequence[Any], whole: Finding | None, known: Mapping[int, Ages], now: float
) -> dict[int, list[Finding]]:
    """By till, of those that have any. ``rows`` are of ``figures``, ``whole`` what concerns them all."""
    troubles: dict[int, list[KnownTrouble]] = defaultdict(list)
    if any(row.troubled for row in rows):
        for one in till_troubles.till_troubles(connection, now=now):
            if one.code != SKEWED:
                troubles[one.till_id].append(one)
    ruled = own_rules.by_till(connection, rows) if any(row.rules for row in rows) else {}
    told = {row.id: _of_row(row, whole, known.get(row.id, {}), troubles[row.id], ruled.get(row.id, [])) for row in rows}
    return {till_id: some for till_id, some in told.items() if some}


def _of_row(
    row: Any, whole: Finding | None, known: Ages, troubles: Sequence[KnownTrouble], ruled: Sequence[Finding]
) -> list[Finding]:
    if row.disabled_at is not None:
        return []
    told: list[Finding] = []
    for kind in OF_TILLS:
        if not getattr(row, kind.name):
            continue
        if kind.name == "store_wide" and whole is not None:
            count, value = row.pending + row.all_waiting, row.pending_total + row.all_waiting_total
            told.append(msgspec.structs.replace(whole, till=row.name, count=count, value=value))
        elif kind.name == "troubled":
            told += [_of_trouble(row, one) for one in troubles]
        elif kind.name == "rules":
            told += ruled
        else:
            told.append(_plain(row, kind.name, known))
    return sorted(told, key=lambda one: -one.weight) if ruled else told


def _plain(row: Any, name: Name, known: Ages) -> Finding:
    return finding_of(
        name,
        row.name,
        getattr(row, f"{name}_code", None) or "",
        count=0 if name in _OF_THE_TILL else int(getattr(row, name)),
        value=int(getattr(row, f"{name}_total", None) or 0),
        since=_SINCE[name](row, known) if name in _SINCE else getattr(row, f"{name}_since", None),
        facts=_FACTS[name](row) if name in _FACTS else {},
    )


def _of_trouble(row: Any, one: KnownTrouble) -> Finding:
    return finding_of(
        "troubled", row.name, one.code, count=one.count, value=one.value, since=one.since, facts=one.facts
    )


# What is so or isn't: there is nothing to count.
_OF_THE_TILL: frozenset[Name] = frozenset({"slowed", "refused", "sharing", "skewed", "silent", "never", "checking"})

# The age of what is found, where no figure says it.
_SINCE: dict[Name, Callable[[Any, Ages], float | None]] = {
    "erp_stopped": lambda row, known: known.get("waiting"),
    "waiting": lambda row, known: known.get("waiting"),
    "structure": lambda row, known: known.get("rejected"),
    "rejected": lambda row, known: known.get("rejected"),
    "flagged": lambda row, known: known.get(_FLAGGED),
    "cut_off": lambda row, known: row.last_contact_at,
    "silent": lambda row, known: row.last_contact_at,
    "slowed": lambda row, known: row.slowed_at,
    "unsent": lambda row, known: row.unsent_since,
}
_FACTS: dict[Name, Callable[[Any], dict[str, str]]] = {
    "lost": lambda row: {"count": str(row.lost)},
    "sharing": lambda row: {"owner": row.shared_with or "?", "till": row.name},
    "skewed": lambda row: {"seconds": f"{row.clock_skew_seconds:+.0f}"},
}


def _first(condition: Any) -> ColumnElement[Any]:
    return (
        select(document.c.accepted_at)
        .where(document.c.till_id == till.c.id, condition)
        .order_by(document.c.id)
        .limit(1)
        .scalar_subquery()
    )
