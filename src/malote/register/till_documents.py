"""What people ask the spool: how each till stands, and which documents are where."""

from collections import defaultdict
from typing import Any

import msgspec
from sqlalchemy import Engine, Select, func, select, union_all

from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.database.tables import open_sale
from malote.database.tables import tally as tallies
from malote.database.tables import till as tills
from malote.reconciliation import erp_memory
from malote.reconciliation.erp_memory import OutsideErp
from malote.register.contents import DocumentNotFoundError
from malote.register.documents import OverdueSale, StoredDocument, TillStatus
from malote.spool.state_changes import decode_reason
from malote.spool.states import STATES, State
from malote.tills import troubles as till_troubles
from malote.tills import warnings
from malote.wire import RefusedFile

_ByState = dict[str, dict[str, int]]  # state, then reason code


def status(engine: Engine, till_id: int | None = None, *, now: float) -> list[TillStatus]:
    """Every till by name, or the one alone. Costs the same however long the history. Raises ``StoreError``."""
    counted, known, late_sales = select(tallies).where(tallies.c.count > 0), _known(now), _late(now)
    if till_id is not None:
        counted, known = counted.where(tallies.c.till_id == till_id), known.where(tills.c.id == till_id)
        late_sales = late_sales.where(open_sale.c.till_id == till_id)
    with reading(engine) as connection:
        counts: dict[int, _ByState] = defaultdict(lambda: defaultdict(dict))
        for row in connection.execute(counted):
            counts[row.till_id][row.state][row.reason_code] = int(row._mapping["count"])
        rows = connection.execute(known.order_by(tills.c.name_key)).all()
        late = {row.till_id: (int(row.sales), int(row.total)) for row in connection.execute(late_sales)}
        outside = erp_memory.outside(connection)
    return [_till_status(row, counts[row.id], late.get(row.id, (0, 0)), outside.get(row.id), now) for row in rows]


def flagged(engine: Engine, till: str | None = None) -> list[StoredDocument]:
    """Posted documents that a person must look at all the same, in order of arrival. Raises ``StoreError``."""
    chosen = (documents.c.state == "posted") & documents.c.reason_code.is_not(None)
    query = listed().where(chosen).order_by(documents.c.id)
    if till is not None:
        query = query.where(tills.c.name_key == till.lower())
    with reading(engine) as connection:
        return [stored(row) for row in connection.execute(query)]


def overdue(engine: Engine, till: str | None = None, limit: int = 1000, *, now: float) -> list[OverdueSale]:
    """Booked offline sales without protocol after their deadline, the oldest deadline first."""
    query = (
        select(documents, tills.c.name.label("till"), open_sale.c.due_at)
        .join_from(open_sale, documents, documents.c.id == open_sale.c.document_id)
        .join(tills, tills.c.id == open_sale.c.till_id)
        .where(open_sale.c.due_at < now)
        .order_by(open_sale.c.due_at, documents.c.id)
        .limit(limit)
    )
    if till is not None:
        query = query.where(tills.c.name_key == till.lower())
    names = [field.name for field in msgspec.structs.fields(OverdueSale)]
    with reading(engine) as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    told = [row | {"document_id": row["id"], "total": row["total"] or 0} for row in rows]
    return [OverdueSale(**{name: row[name] for name in names}) for row in told]


def _known(now: float) -> Select[Any]:
    """The tills, with what they are warned of now."""
    slowed, shared = warnings.slowed_since(now), warnings.shared_with(now)
    return select(tills, slowed.label("slowed_now"), shared.label("shared_now"))


def _late(now: float) -> Select[Any]:
    return (
        select(
            open_sale.c.till_id,
            func.count().label("sales"),
            func.coalesce(func.sum(documents.c.total), 0).label("total"),
        )
        .join_from(open_sale, documents, documents.c.id == open_sale.c.document_id)
        .where(open_sale.c.due_at < now)
        .group_by(open_sale.c.till_id)
    )


def documents_of(
    engine: Engine, till: str | None = None, state: State | None = None, *, after_id: int = 0, limit: int = 100
) -> list[StoredDocument]:
    """Documents in order of arrival; the next page starts after the last one's id. Raises ``StoreError``."""
    with reading(engine) as connection:
        till_id = None
        if till is not None:
            till_id = connection.execute(select(tills.c.id).where(tills.c.name_key == till.lower())).scalar()
            if till_id is None:
                return []
        return [stored(row) for row in connection.execute(page(till_id, state, after_id, limit))]


def document(engine: Engine, document_id: int) -> StoredDocument:
    """Raises ``DocumentNotFoundError``, ``StoreError``."""
    with reading(engine) as connection:
        row = connection.execute(listed().where(documents.c.id == document_id)).one_or_none()
    if row is None:
        raise DocumentNotFoundError(document_id)
    return stored(row)


def page(till_id: int | None, state: State | None, after_id: int, limit: int) -> Select[Any]:
    """A page of the list. Whatever is asked, it walks an index from ``after_id`` on, and never the history."""
    wanted = select(documents.c.id).where(documents.c.id > after_id).order_by(documents.c.id).limit(limit)
    if till_id is not None and state is None:
        # The index knows a till's documents by state: a page of each state holds the page of all.
        each = [wanted.where(documents.c.till_id == till_id, documents.c.state == one).subquery() for one in STATES]
        merged = union_all(*(select(one.c.id) for one in each)).subquery()
        ids = select(merged.c.id).order_by(merged.c.id).limit(limit)
    else:
        ids = wanted.where(
            *([documents.c.till_id == till_id] if till_id is not None else []),
            *([documents.c.state == state] if state is not None else []),
        )
    return listed().where(documents.c.id.in_(ids.scalar_subquery())).order_by(documents.c.id)


def listed() -> Select[Any]:
    """Documents with the names of their tills: the rows that ``stored`` takes."""
    return select(documents, tills.c.name.label("till")).join_from(documents, tills, documents.c.till_id == tills.c.id)


def stored(row: Any) -> StoredDocument:
    return StoredDocument(
        id=row.id,
        till=row.till,
        state=row.state,
        kind=row.kind,
        access_key=row.access_key,
        model=row.model,
        issuer=row.issuer,
        series=row.series,
        number=row.number,
        issued_at=row.issued_at,
        total=row.total,
        file_name=row.file_name,
        file_sha256=bytes(row.file_sha256).hex(),
        position=row.position,
        reason=decode_reason(row.reason),
        attempts=row.attempts,
        retry_at=row.retry_at,
        accepted_at=row.accepted_at,
        settled_at=row.settled_at,
        duplicate=row.duplicate,
        authorised=row.authorised,
    )


def _till_status(
    row: Any, counts: _ByState, late: tuple[int, int], outside: OutsideErp | None, now: float
) -> TillStatus:
    totals = {state: sum(counts[state].values()) for state in STATES}
    flags = {code: count for code, count in counts["posted"].items() if code}
    return TillStatus(
        till=row.name,
        label=row.label,
        disabled=row.disabled_at is not None,
        pending=totals["accepted"] + totals["posting"],
        waiting=totals["waiting"],
        posted=totals["posted"],
        rejected=totals["rejected"],
        discarded=totals["discarded"],
        waiting_reasons=dict(counts["waiting"]),
        rejected_reasons=dict(counts["rejected"]),
        last_contact_at=row.last_contact_at,
        last_series=row.last_series,
        last_number=row.last_number,
        last_issued_at=row.last_issued_at,
        agent_version=row.agent_version,
        clock_skew_seconds=row.clock_skew_seconds,
        till_pending=row.pending,
        till_unproven=row.unproven,
        kept=totals["kept"],
        kept_reasons=dict(counts["kept"]),
        flagged=sum(flags.values()),
        flagged_reasons=flags,
        overdue=late[0],
        overdue_total=late[1],
        outside=outside.missing if outside else 0,
        outside_total=outside.missing_total if outside else 0,
        differing=outside.differing if outside else 0,
        differing_total=outside.differing_total if outside else 0,
        slowed_at=row.slowed_now,
        shared_with=row.shared_now,
        troubles=list(till_troubles.of_row(row, now)),
        till_refused=msgspec.json.decode(row.refused, type=list[RefusedFile]) if row.refused else [],
    )
