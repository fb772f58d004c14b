"""Of every till the figures that its findings are made of, in one statement: one column for each kind of finding.

A kind holds of a till where its column is greater than 0. Most have their cents and the age of the oldest beside it.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, case, exists, func, select

from malote.database.tables import document, tally, till
from malote.findings import noted_findings
from malote.findings.kinds import SILENT_SECONDS, USUAL_SECONDS
from malote.findings.tallies import counts_of, late
from malote.reconciliation.erp_memory import STALE_SECONDS, is_unchecked, outside_of
from malote.spool import deleted_unbooked
from malote.tills import lost_sales, warnings
from malote.tills import troubles as till_troubles

Number = ColumnElement[Any]


def figures(
    now: Number, whole: Number, only: ColumnElement[bool] | None = None, *, brief: bool = False
) -> Select[tuple[Any, ...]]:
    """A row per till. ``now`` in seconds since the epoch; ``whole`` 1 where a finding concerns them all. ``brief``: no
    more than lights, and columns to sort by, need."""
    counts, lost, deleted = counts_of(only, brief=brief), outside_of(), deleted_unbooked.by_till()
    overdue, looked, lost_at_till = late(now), noted_findings.by_till(), lost_sales.by_till()
    at_till, pending = func.coalesce(till.c.pending, 0), _of(counts, "pending")
    oldest = _oldest_accepted(pending)
    silent = till.c.last_contact_at < now - SILENT_SECONDS
    unsent = till.c.unsent_since < now - USUAL_SECONDS
    columns: dict[str, Number] = {
        **{name: _of(counts, name) for name in _COUNTED},
        "outside": _of(lost, "missing"),
        "store_wide": whole,
        "behind": case((oldest < now - USUAL_SECONDS, pending), else_=0),
        "cut_off": case((silent, at_till), else_=0),
        "troubled": case((till_troubles.is_troubled(now), 1), else_=0),
        "lost": _of(lost_at_till, "lost"),
        "slowed": case((warnings.is_slowed(now), 1), else_=0),
        "deleted": _of(deleted, "deleted"),
        "refused": case((func.coalesce(till.c.refused, "[]") != "[]", 1), else_=0),
        "unsent": case((unsent, at_till), else_=0),
        **_noted(looked, now),
        "differing": _of(lost, "differing"),
        "overdue": _of(overdue, "overdue"),
        "sharing": case((warnings.is_sharing(now), 1), else_=0),
        "skewed": case((till_troubles.is_skewed(), 1), else_=0),
        "silent": case((silent, 1), else_=0),
        "never": case((till.c.last_contact_at.is_(None) & till.c.last_number.is_(None), 1), else_=0),
        "checking": case((is_unchecked(now), case((_HAS_BOOKED, 1), else_=0)), else_=0),
        "at_till": at_till,
    }
    if not brief:
        columns |= _beside(
            counts,
            lost,
            {"deleted": deleted, "overdue": overdue, "lost": lost_at_till} | dict.fromkeys(_LOOKED, looked),
        )
        columns |= {"behind_since": oldest, "uncaptured": func.coalesce(till.c.uncaptured, 0)}
        columns |= {"slowed_at": warnings.slowed_since(now), "shared_with": warnings.shared_with(now)}
    statement = select(*_OF_TILL, *(column.label(name) for name, column in columns.items())).select_from(
        till.outerjoin(counts, counts.c.till_id == till.c.id)
        .outerjoin(lost, lost.c.till_id == till.c.id)
        .outerjoin(deleted, deleted.c.till_id == till.c.id)
        .outerjoin(lost_at_till, lost_at_till.c.till_id == till.c.id)
        .outerjoin(overdue, overdue.c.till_id == till.c.id)
        .outerjoin(looked, looked.c.till_id == till.c.id)
    )
    return statement if only is None else statement.where(only)


def not_in_erp(row: Any) -> Any:
    """Of a row of the figures, or of its columns: how many documents the ERP doesn't have."""
    return row.at_till + row.pending + row.all_waiting + row.all_rejected + row.outside + row.deleted


def not_in_erp_total(row: Any) -> Any:
    """The same in cents, as far as known: of what is still at the till nobody knows it."""
    here = row.pending_total + row.all_waiting_total + row.rejected_total + row.structure_total
    return here + row.outside_total + row.deleted_total


_HAS_BOOKED = exists().where(tally.c.till_id == till.c.id, tally.c.state == "posted", tally.c.count > 0)

_REASONED = ("erp_stopped", "structure", "rejected", "flagged", "waiting")
_COUNTED = (*_REASONED, "pending", "all_waiting", "all_rejected")
_LOOKED = noted_findings.STANDING


def _noted(looked: Any, now: Number) -> dict[str, Number]:
    """A day has the time of a round, twice over, to be proven."""
    columns: dict[str, Number] = {name: _of(looked, name) for name in noted_findings.STANDING}
    late = looked.c.unproven_since < now - STALE_SECONDS
    return {**columns, "unproven": case((late, columns["unproven"]), else_=0)}


def _of(source: Any, name: str) -> Number:
    return func.coalesce(source.c[name], 0)


def _beside(counts: Any, lost: Any, others: dict[str, Any]) -> dict[str, Number]:
    """Cents, ages and reasons."""
    columns: dict[str, Number] = {}
    for name in _REASONED:
        columns[f"{name}_total"] = _of(counts, f"{name}_total")
        columns[f"{name}_code"] = func.substr(counts.c[f"{name}_code"], 2)
    for name in ("pending_total", "all_waiting_total"):
        columns[name] = _of(counts, name)
    columns["behind_total"] = _of(counts, "pending_total")
    for name, of_erp in (("outside", "missing"), ("differing", "differing")):
        columns |= {f"{name}_total": _of(lost, f"{of_erp}_total"), f"{name}_since": lost.c[f"{of_erp}_since"]}
    for name, source in others.items():
        columns |= {f"{name}_total": _of(source, f"{name}_total"), f"{name}_since": source.c[f"{name}_since"]}
    return columns


_OF_TILL = (
    till.c.id,
    till.c.name,
    till.c.name_key,
    till.c.label,
    till.c.disabled_at,
    till.c.last_contact_at,
    till.c.agent_version,
    till.c.clock_skew_seconds,
    till.c.unsent_since,
    till.c.last_series,
    till.c.last_number,
    till.c.last_issued_at,
)


def _oldest_accepted(pending: Number) -> Number:
    """One look into an index, and only for tills that have something pending."""
    first = (
        select(document.c.accepted_at)
        .where(document.c.till_id == till.c.id, document.c.state == "accepted")
        .order_by(document.c.id)
        .limit(1)
    )
    return case((pending > 0, first.scalar_subquery()))
