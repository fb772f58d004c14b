"""What to do about the rejected documents of a cause, from a look at the newest few: nothing is changed by it."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, exists, func, select

from malote import rejection
from malote.accounts.audit import SYSTEM
from malote.database.engine import reading
from malote.database.tables import document, tally, till
from malote.erp.protocol import ErpError
from malote.quarantine.quarantine_reports import Selection
from malote.quarantine.quarantine_service import Quarantine
from malote.register.contents import DocumentNotFoundError
from malote.runbook.observations import Advice, RejectedGroup
from malote.spool.state_changes import decode_reason

SAMPLE = 10  # documents of a cause
MOST_GROUPS = 12

_STRUCTURE = "structure_outdated"
_FRAGMENT = "file_damaged"
# What the ERP itself refused.
_OF_THE_ERP = frozenset(
    {
        "erp_constraint",
        "erp_record_missing",
        "erp_refused",
        "erp_unmapped",
        "erp_query_ambiguous",
        "erp_unencodable",
        "profile_unencodable",
        "erp_call_missing",
        "value_out_of_range",
    }
)


class _Sampled(NamedTuple):
    id: int
    kind: str | None
    reason: str | None
    attempts: int  # times that it was tried at the ERP


def groups(quarantine: Quarantine, till_id: int | None) -> list[RejectedGroup]:
    """The rejected documents by cause, the most first. Raises ``StoreError``."""
    with reading(quarantine.parts.engine) as connection:
        found = _counted(connection, till_id)
        samples = {code: _sample(connection, row.till_id, code) for code, row in found.items()}
    return [_group(quarantine, code, row, samples[code]) for code, row in found.items() if samples[code]]


def _counted(connection: Connection, till_id: int | None) -> dict[str, "_Counted"]:
    query = (
        select(tally.c.reason_code, tally.c.till_id, tally.c.count, tally.c.total, till.c.name)
        .join(till, till.c.id == tally.c.till_id)
        .where(tally.c.state == "rejected", tally.c.count > 0, till.c.disabled_at.is_(None))
        .order_by(tally.c.count.desc(), tally.c.reason_code)
    )
    if till_id is not None:
        query = query.where(tally.c.till_id == till_id)
    found: dict[str, _Counted] = {}
    for code, of_till, count, total, name in connection.execute(query):
        known = found.setdefault(code, _Counted(of_till, name))
        known.count += int(count)
        known.value += int(total)
    return dict(sorted(found.items(), key=lambda one: -one[1].count)[:MOST_GROUPS])


class _Counted:
    """``till_id``, ``name``: where there are most of it."""

    def __init__(self, till_id: int, name: str) -> None:
        self.till_id, self.name = till_id, name
        self.count = self.value = 0


def _sample(connection: Connection, till_id: int, code: str) -> Sequence[_Sampled]:
    """The newest few."""
    query = (
        select(document.c.id, document.c.kind, document.c.reason, document.c.attempts)
        .where(
            document.c.state == "rejected",
            document.c.till_id == till_id,
            func.coalesce(document.c.reason_code, "") == code,
        )
        .order_by(document.c.id.desc())
        .limit(SAMPLE)
    )
    return [_Sampled(row.id, row.kind, row.reason, row.attempts) for row in connection.execute(query)]


def _group(quarantine: Quarantine, code: str, row: _Counted, sample: Sequence[_Sampled]) -> RejectedGroup:
    reason = decode_reason(sample[0].reason) if sample[0].reason else None
    facts = reason.facts if reason else {}
    return RejectedGroup(code, row.count, row.value, _advice(quarantine, code, sample), row.name, sample[0].id, facts)


def _advice(quarantine: Quarantine, code: str, sample: Sequence[_Sampled]) -> Advice:
    if code == _STRUCTURE:
        return "structures"
    if rejection.weight(code) == 0 or code == _FRAGMENT:
        return "cure"  # it puts a sale in doubt, or may be all there is of one: a person decides about each
    kinds = {one.id: one.kind for one in sample}
    selection = Selection(tuple(kinds))
    # What was tried at the ERP was refused there: no look from here can tell whether it would take it now.
    foreseeable = code not in _OF_THE_ERP and not any(one.attempts for one in sample)
    try:
        if foreseeable and quarantine.replay(selection, SYSTEM, dry_run=True).replayed:
            return "replay"
        deletable = {one.id: one.grounds for one in quarantine.delete(selection, SYSTEM, dry_run=True).deleted}
    except (ErpError, DocumentNotFoundError, OSError):
        return "cure"
    booked = _booked(quarantine, deletable)
    elsewhere = [
        deletable.get(one) == "erp" or (one in deletable and (kind is None or one in booked))
        for one, kind in kinds.items()
    ]
    return "delete" if all(elsewhere) else "cure"


def _booked(quarantine: Quarantine, ids: Collection[int]) -> set[int]:
    """Those of whose key another document of the kind is booked."""
    other = document.alias("other")
    same = (other.c.access_key == document.c.access_key) & (other.c.kind == document.c.kind)
    query = select(document.c.id).where(
        document.c.id.in_(ids), exists().where(same, other.c.state == "posted", other.c.id != document.c.id)
    )
    with reading(quarantine.parts.engine) as connection:
        return set(connection.scalars(query))
