"""Jobs in the store database: the frozen list, who works on it, what became of each item. Counts move with the items.

A batch is settled in the transaction that acts on it, so that a crash leaves every item either open or decided: it is
never done twice and never left out. Two that work on one job by mistake settle each item once.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, bindparam, case, delete, func, insert, literal, or_, select, update

from malote.accounts.audit import Actor
from malote.database.chunks import chunks
from malote.database.job_tables import job as jobs
from malote.database.job_tables import job_item as items
from malote.database.tables import document as documents
from malote.quarantine import candidates
from malote.quarantine.job_reports import AT_ONCE, TAKES, Gauge, Job, Kind, RefusedPage
from malote.quarantine.quarantine_reports import Refused, Selection

LEASE_SECONDS = 60.0
_CENTS = func.coalesce(documents.c.total, 0)
_COLUMNS = tuple(jobs.c[name] for name in Job.__struct_fields__)


def gauge(connection: Connection, selection: Selection, kind: Kind) -> Gauge:
    """What a selection is now."""
    if selection.ids is not None:
        found = candidates.find(connection, selection, TAKES[kind])
        ids = [*found.ids, *found.moved_on, *found.unknown]
        return Gauge(len(ids), _sum(connection, found.ids), tuple(sorted(ids)) if len(ids) <= AT_ONCE else None)
    chosen = candidates.conditions(selection, TAKES[kind])
    count, cents = connection.execute(select(func.count(), func.coalesce(func.sum(_CENTS), 0)).where(*chosen)).one()
    if count > AT_ONCE:
        return Gauge(int(count), int(cents), None)
    ids = list(connection.execute(select(documents.c.id).where(*chosen).order_by(documents.c.id)).scalars())
    return Gauge(len(ids), int(cents), tuple(ids))


def create(connection: Connection, kind: Kind, till: str, actor: Actor, now: float, undoes: int | None = None) -> int:
    """An empty draft."""
    values: dict[str, Any] = dict.fromkeys(("reason", "stopped_by", "waits", "owner"), "")
    values |= dict.fromkeys(
        ("lease_until", "total", "total_cents", "done", "done_cents", "refused", "refused_cents"), 0
    )
    values |= {"kind": kind, "state": "draft", "till": till, "asked_by": actor.name, "address": actor.address or ""}
    made = connection.execute(insert(jobs).values(values | {"asked_at": now, "forced": False, "undoes": undoes}))
    key: Any = made.inserted_primary_key
    return int(key[0])


def freeze(connection: Connection, job_id: int, selection: Selection, kind: Kind) -> None:
    """Lists what the selection is at this moment."""
    if selection.ids is None:
        chosen = candidates.conditions(selection, TAKES[kind])
        listed = select(literal(job_id), documents.c.id, _CENTS, literal("open"), literal(""), literal("{}"))
        connection.execute(insert(items).from_select(list(items.c), listed.where(*chosen)))
    else:
        found = candidates.find(connection, selection, TAKES[kind])
        known = dict.fromkeys(found.ids, 0)
        for chunk in chunks(found.ids):
            query = select(documents.c.id, _CENTS).where(documents.c.id.in_(chunk))
            known |= {row.id: row[1] for row in connection.execute(query)}
        add(connection, job_id, known)
        add(connection, job_id, dict.fromkeys(found.unknown, 0), "document_unknown")
        add(connection, job_id, dict.fromkeys(found.moved_on, 0), "document_moved_on")
    count(connection, job_id)


def freeze_done(connection: Connection, job_id: int, of_job: int) -> None:
    """Lists what another job has done."""
    done = select(literal(job_id), items.c.target_id, items.c.cents, literal("open"), literal(""), literal("{}"))
    of = (items.c.job_id == of_job) & (items.c.state == "done")
    connection.execute(insert(items).from_select(list(items.c), done.where(of)))
    count(connection, job_id)


def add(connection: Connection, job_id: int, targets: dict[int, int], refused: str = "") -> None:
    """Lists targets with their cents; with the code ``refused``, as left alone already."""
    fixed = {"job_id": job_id, "state": "refused" if refused else "open", "code": refused, "facts": "{}"}
    for chunk in chunks(sorted(targets)):
        connection.execute(insert(items), [fixed | {"target_id": one, "cents": targets[one]} for one in chunk])


def count(connection: Connection, job_id: int) -> None:
    """Counts the whole list anew."""
    refused = items.c.state == "refused"
    query = select(
        func.count(),
        func.coalesce(func.sum(items.c.cents), 0),
        func.coalesce(func.sum(case((refused, 1), else_=0)), 0),
        func.coalesce(func.sum(case((refused, items.c.cents), else_=0)), 0),
    ).where(items.c.job_id == job_id)
    names = ("total", "total_cents", "refused", "refused_cents")
    values = dict(zip(names, map(int, connection.execute(query).one()), strict=True))
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(values))


def find(connection: Connection, job_id: int) -> Job | None:
    row = connection.execute(select(*_COLUMNS).where(jobs.c.id == job_id)).one_or_none()
    return _job(row) if row else None


def recent(connection: Connection, till: str | None, limit: int) -> list[Job]:
    """The newest first, without drafts."""
    query = select(*_COLUMNS).where(jobs.c.state != "draft").order_by(jobs.c.id.desc()).limit(limit)
    if till is not None:
        query = query.where(jobs.c.till == till)
    return [_job(row) for row in connection.execute(query)]


def change(connection: Connection, job_id: int, states: Sequence[str], **values: Any) -> bool:
    """Changes a job that is in one of these states; whether it was."""
    chosen = (jobs.c.id == job_id) & jobs.c.state.in_(states)
    return bool(connection.execute(update(jobs).where(chosen).values(values)).rowcount)


def claimable(connection: Connection, owner: str, now: float, job_id: int | None = None) -> bool:
    """Whether ``claim`` would find a job."""
    return connection.execute(select(jobs.c.id).where(*_claimable(owner, now, job_id)).limit(1)).scalar() is not None


def _claimable(owner: str, now: float, job_id: int | None) -> list[ColumnElement[bool]]:
    free = or_(jobs.c.owner.in_(("", owner)), jobs.c.lease_until < now)
    chosen = [jobs.c.state.in_(("running", "stopping")), free]
    return chosen if job_id is None else [*chosen, jobs.c.id == job_id]


def claim(connection: Connection, owner: str, now: float, job_id: int | None = None) -> Job | None:
    """The job that was served least lately, or the one asked for, unless somebody else works on it.

    It is the asker's for ``LEASE_SECONDS``, from its last batch on.
    """
    chosen = _claimable(owner, now, job_id)
    found = connection.execute(
        select(jobs.c.id).where(*chosen).order_by(jobs.c.lease_until, jobs.c.id).limit(1)
    ).scalar()
    if found is None:
        return None
    mine = {"owner": owner, "lease_until": now + LEASE_SECONDS}
    taken = connection.execute(update(jobs).where(*chosen, jobs.c.id == found).values(mine)).rowcount
    return find(connection, found) if taken else None


def batch(connection: Connection, job_id: int, limit: int) -> list[int]:
    query = select(items.c.target_id).where(items.c.job_id == job_id, items.c.state == "open")
    return list(connection.execute(query.order_by(items.c.target_id).limit(limit)).scalars())


def settle(connection: Connection, job_id: int, done: Sequence[int], refused: Sequence[Refused]) -> None:
    """Decides open items. Call it in the transaction that acts on them."""
    _decide(connection, job_id, "done", [(one, "", "{}") for one in done])
    _decide(connection, job_id, "refused", [(one.id, one.code, _encoded(one.facts)) for one in refused])


def leave_alone(connection: Connection, restored: Sequence[int]) -> None:
    """What was taken out of the trash is deleted again by no list that was made before: a job that was interrupted
    goes on without it. Call it in the transaction that restores."""
    if not restored:
        return
    open_ones = (jobs.c.kind == "delete") & jobs.c.state.in_(("draft", "running", "stopping"))
    for job_id in connection.execute(select(jobs.c.id).where(open_ones).order_by(jobs.c.id)).scalars().all():
        _decide(connection, job_id, "refused", [(one, "document_moved_on", "{}") for one in restored])


def give_back(connection: Connection, owner: str) -> None:
    """Lets others take up at once what this one worked on."""
    mine = (jobs.c.owner == owner) & jobs.c.state.in_(("running", "stopping"))
    connection.execute(update(jobs).where(mine).values(owner=""))


def refusals(connection: Connection, job_id: int, after: int, limit: int) -> RefusedPage:
    of = (items.c.job_id == job_id) & (items.c.state == "refused")
    query = select(items.c.target_id, items.c.code, items.c.facts).where(of, items.c.target_id > after)
    rows = connection.execute(query.order_by(items.c.target_id).limit(limit + 1)).all()
    found = [Refused(row.target_id, row.code, _facts.decode(row.facts)) for row in rows[:limit]]
    counted = select(items.c.code, func.count()).where(of).group_by(items.c.code).order_by(func.count().desc())
    reasons = {code: int(number) for code, number in connection.execute(counted)}
    return RefusedPage(found, found[-1].id if len(rows) > limit else None, reasons)


def done(connection: Connection, job_id: int) -> list[int]:
    query = select(items.c.target_id).where(items.c.job_id == job_id, items.c.state == "done")
    return list(connection.execute(query.order_by(items.c.target_id)).scalars())


def forget(connection: Connection, drafts_before: float, over_before: float) -> int:
    """Drops drafts that nobody confirmed, and jobs that are long over; how many."""
    old = or_(
        (jobs.c.state == "draft") & (jobs.c.asked_at < drafts_before),
        jobs.c.state.in_(("done", "stopped")) & (jobs.c.finished_at < over_before),
    )
    ids = list(connection.execute(select(jobs.c.id).where(old)).scalars())
    for chunk in chunks(ids):
        connection.execute(delete(items).where(items.c.job_id.in_(chunk)))
        connection.execute(delete(jobs).where(jobs.c.id.in_(chunk)))
    return len(ids)


def _decide(connection: Connection, job_id: int, state: str, decided: Sequence[tuple[int, str, str]]) -> None:
    moved = cents = 0
    for chunk in chunks(sorted(decided)):
        open_ones = (items.c.job_id == job_id) & (items.c.state == "open")
        named = select(items.c.target_id, items.c.cents).where(
            open_ones, items.c.target_id.in_([one[0] for one in chunk])
        )
        worth = {row.target_id: row.cents for row in connection.execute(named.with_for_update())}
        rows = [{"which": one, "why": code, "what": facts} for one, code, facts in chunk if one in worth]
        if rows:
            connection.execute(_DECIDE.where(items.c.job_id == job_id).values(state=state), rows)
        moved, cents = moved + len(rows), cents + sum(worth.values())
    if moved:
        columns = jobs.c[state], jobs.c[f"{state}_cents"]
        values = {columns[0]: columns[0] + moved, columns[1]: columns[1] + cents}
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(values))


def _sum(connection: Connection, ids: Sequence[int]) -> int:
    total = 0
    for chunk in chunks(ids):
        query = select(func.coalesce(func.sum(_CENTS), 0)).where(documents.c.id.in_(chunk))
        total += int(connection.execute(query).scalar_one())
    return total


def _job(row: Any) -> Job:
    return Job(*row)


def _encoded(facts: dict[str, str]) -> str:
    return msgspec.json.encode(facts).decode()


_facts = msgspec.json.Decoder(dict[str, str])
_DECIDE = (
    update(items)
    .where(items.c.target_id == bindparam("which"), items.c.state == "open")
    .values(code=bindparam("why"), facts=bindparam("what"))
)
