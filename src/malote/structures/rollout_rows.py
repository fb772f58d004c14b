"""Roll-outs in the store database: rows, and how they change. Each function works in the caller's transaction."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, case, func, insert, select, update

from malote import wire
from malote.database.order_tables import till_order
from malote.database.structure_tables import rollout, rollout_till, till_structure
from malote.database.tables import till as tills
from malote.orders.rollout_reports import Rollout, RolloutTill, TillState
from malote.orders.rows import withdraw
from malote.orders.waves import WAVES, TillInWave

UNSAID = {"code": "", "facts": "{}"}  # of a till that has not failed
_CHUNK = 500
_OPEN: tuple[TillState, ...] = ("pending", "offered")
_facts = msgspec.json.Decoder(dict[str, str])


class Published(msgspec.Struct, frozen=True):
    """A structure as tills get it."""

    version: int
    text: str
    sha256: str
    signature: str


class StandingOrder(msgspec.Struct, frozen=True):
    """What the newest roll-out says of one till."""

    rollout_id: int
    number: int
    sha256: str
    running: bool
    open: bool  # the till's wave is
    state: TillState
    ordered: bool  # the book of orders has it, under this number


def number(connection: Connection, now: float) -> int:
    """Greater than all before, since tills obey no smaller one than they have; also after a backup came back.

    Tills answer with it; by its last digits, no number of another database is ever taken for it.
    """
    newest = connection.execute(select(func.max(rollout.c.number))).scalar_one_or_none() or 0
    return max(int(now * 1000) * 1000 + secrets.randbelow(1000), newest + 1)


def place(
    connection: Connection, published: Published, waves: Mapping[int, int], *, who: str, everyone: bool, now: float
) -> int:
    """A new roll-out's id. One that goes on ends here."""
    for found in connection.scalars(select(rollout.c.id).where(rollout.c.state.in_(("running", "stopped")))).all():
        end(connection, found, "cancelled", now)
    values = {
        "number": number(connection, now),
        "version": published.version,
        "sha256": published.sha256,
        "published": published.text,
        "signature": published.signature,
        "asked_by": who,
        "asked_at": now,
        "everyone": everyone,
        "state": "running",
        "wave": 1,
        "code": "",
        "stopped_by": "",
    }
    new = int(connection.execute(insert(rollout).values(values).returning(rollout.c.id)).scalar_one())
    rows = [_new_row(new, till_id, wave) for till_id, wave in waves.items()]
    for start in range(0, len(rows), _CHUNK):
        connection.execute(insert(rollout_till), rows[start : start + _CHUNK])
    return new


def join(connection: Connection, rollout_id: int, till_id: int) -> None:
    """A till that came later, in the last wave."""
    connection.execute(insert(rollout_till).values(_new_row(rollout_id, till_id, WAVES)))
    connection.execute(
        update(rollout)
        .where(rollout.c.id == rollout_id, rollout.c.state == "done")
        .values(state="running", finished_at=None)
    )


def end(connection: Connection, rollout_id: int, state: str, now: float) -> None:
    """Cancels what has not begun; a till that is at it may still report."""
    mine = (rollout_till.c.rollout_id == rollout_id) & rollout_till.c.state.in_(_OPEN)
    if state == "cancelled":
        withdraw(connection, wire.STRUCTURE, connection.scalars(select(rollout_till.c.till_id).where(mine)).all(), now)
        connection.execute(update(rollout_till).where(mine).values(state="cancelled"))
    connection.execute(update(rollout).where(rollout.c.id == rollout_id).values(state=state, finished_at=now))


def again(connection: Connection, rollout_id: int, now: float) -> None:
    """Goes on: under a new number, so that tills which failed try anew."""
    mine = (rollout_till.c.rollout_id == rollout_id) & (rollout_till.c.state != "done")
    connection.execute(
        update(rollout_till)
        .where(mine)
        .values(state="pending", attempt=rollout_till.c.attempt + 1, offered_at=None, **UNSAID)
    )
    values = {"state": "running", "number": number(connection, now), "finished_at": None, "code": "", "stopped_by": ""}
    connection.execute(update(rollout).where(rollout.c.id == rollout_id).values(values))


def stop(connection: Connection, rollout_id: int, code: str, till: str, now: float) -> None:
    """Nobody else is told of it."""
    mine = (rollout_till.c.rollout_id == rollout_id) & (rollout_till.c.state == "offered")
    withdraw(connection, wire.STRUCTURE, connection.scalars(select(rollout_till.c.till_id).where(mine)).all(), now)
    running = (rollout.c.id == rollout_id) & (rollout.c.state == "running")
    connection.execute(update(rollout).where(running).values(state="stopped", code=code, stopped_by=till))


def move(connection: Connection, rollout_id: int, wave: int) -> None:
    behind = (rollout.c.id == rollout_id) & (rollout.c.wave < wave)
    connection.execute(update(rollout).where(behind).values(wave=wave))


def mark(connection: Connection, rollout_id: int, till_id: int, **values: Any) -> None:
    mine = (rollout_till.c.rollout_id == rollout_id) & (rollout_till.c.till_id == till_id)
    connection.execute(update(rollout_till).where(mine).values(values))


def remember(connection: Connection, till_id: int, said: wire.TillStructure, now: float) -> None:
    """What the till says of itself."""
    values = {"version": said.version, "sha256": said.sha256, "said_at": now}
    mine = till_structure.c.till_id == till_id
    if not connection.execute(update(till_structure).where(mine).values(values)).rowcount:
        connection.execute(insert(till_structure).values(till_id=till_id, **values))


def standing_order(connection: Connection, till_id: int) -> StandingOrder | None:
    """Of the newest roll-out, where it concerns the till; one for everyone concerns a till that is not in it yet."""
    mine = (rollout_till.c.rollout_id == rollout.c.id) & (rollout_till.c.till_id == till_id)
    in_book = (till_order.c.till_id == till_id) & (till_order.c.kind == wire.STRUCTURE)
    in_book &= till_order.c.number == rollout.c.number
    columns = (rollout.c.id, rollout.c.number, rollout.c.sha256, rollout.c.state, rollout.c.wave, rollout.c.everyone)
    query = (
        select(*columns, rollout_till.c.wave.label("mine"), rollout_till.c.state.label("till_state"))
        .add_columns(till_order.c.id.label("ordered"))
        .select_from(rollout.outerjoin(rollout_till, mine).outerjoin(till_order, in_book))
        .order_by(rollout.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    if row is None or (row.mine is None and not row.everyone) or (row.mine is None and row.state == "cancelled"):
        return None
    is_open = row.mine is not None and row.mine <= row.wave
    return StandingOrder(
        rollout_id=row.id,
        number=row.number,
        sha256=row.sha256,
        running=row.state == "running",
        open=is_open,
        state=row.till_state or "pending",
        ordered=row.ordered is not None,
    )


def is_in(connection: Connection, rollout_id: int, till_id: int) -> bool:
    mine = (rollout_till.c.rollout_id == rollout_id) & (rollout_till.c.till_id == till_id)
    return connection.execute(select(rollout_till.c.till_id).where(mine)).first() is not None


def lock(connection: Connection, rollout_id: int) -> Any:
    """The roll-out's own row, for this transaction alone; None where there is none."""
    return connection.execute(select(rollout).where(rollout.c.id == rollout_id).with_for_update()).one_or_none()


def standings(connection: Connection, rollout_id: int, heard_since: float) -> list[TillInWave]:
    """All of its tills."""
    reachable = (tills.c.last_contact_at >= heard_since) & till_structure.c.till_id.is_not(None)
    query = (
        select(rollout_till.c.wave, rollout_till.c.state, case((reachable, 1), else_=0).label("reachable"))
        .select_from(
            rollout_till.join(tills, tills.c.id == rollout_till.c.till_id).outerjoin(
                till_structure, till_structure.c.till_id == rollout_till.c.till_id
            )
        )
        .where(rollout_till.c.rollout_id == rollout_id)
    )
    return [TillInWave(row.wave, row.state, bool(row.reachable)) for row in connection.execute(query)]


def find(connection: Connection, rollout_id: int | None) -> Rollout | None:
    """The newest where ``rollout_id`` is None."""
    query = select(rollout).order_by(rollout.c.id.desc()).limit(1)
    if rollout_id is not None:
        query = query.where(rollout.c.id == rollout_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    mine = rollout_till.c.rollout_id == row.id
    counted = connection.execute(
        select(rollout_till.c.state, func.count().label("tills")).where(mine).group_by(rollout_till.c.state)
    ).all()
    return Rollout(
        id=row.id,
        version=row.version,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        everyone=row.everyone,
        state=row.state,
        wave=row.wave,
        waves=connection.execute(select(func.coalesce(func.max(rollout_till.c.wave), 1)).where(mine)).scalar_one(),
        counts={row.state: row.tills for row in counted},
        finished_at=row.finished_at,
        code=row.code,
        stopped_by=row.stopped_by,
    )


def tills_of(connection: Connection, rollout_id: int, heard_since: float, name: str | None = None) -> list[RolloutTill]:
    """Those that failed first, then by wave and name; or the one of that name alone."""
    failed_first = case((rollout_till.c.state == "failed", 0), else_=1)
    query = (
        select(rollout_till, tills.c.name, tills.c.last_contact_at)
        .join(tills, tills.c.id == rollout_till.c.till_id)
        .where(rollout_till.c.rollout_id == rollout_id)
        .order_by(failed_first, rollout_till.c.wave, tills.c.name_key)
    )
    if name is not None:
        query = query.where(tills.c.name_key == name.lower())
    return [_till(row, heard_since) for row in connection.execute(query)]


def candidates(connection: Connection, names: Sequence[str] | None, heard_since: float) -> list[int]:
    """The ids of enabled tills, those that can answer first; all, or those named (in any capitals)."""
    reachable = (tills.c.last_contact_at >= heard_since) & till_structure.c.till_id.is_not(None)
    query = (
        select(tills.c.id)
        .select_from(tills.outerjoin(till_structure, till_structure.c.till_id == tills.c.id))
        .where(tills.c.disabled_at.is_(None))
        .order_by(case((reachable, 0), else_=1), tills.c.name_key)
    )
    if names is None:
        return list(connection.scalars(query))
    keys = {name.lower() for name in names}
    named = select(tills.c.id).where(tills.c.name_key.in_(keys))
    chosen = set(connection.scalars(named))
    return [till_id for till_id in connection.scalars(query) if till_id in chosen]


def _till(row: Any, heard_since: float) -> RolloutTill:
    contact = row.last_contact_at
    return RolloutTill(
        till=row.name,
        wave=row.wave,
        state=row.state,
        offline_since=contact if contact is not None and contact < heard_since else None,
        offered_at=row.offered_at,
        reported_at=row.reported_at,
        seconds=row.seconds,
        code=row.code,
        facts=_facts.decode(row.facts),
    )


def _new_row(rollout_id: int, till_id: int, wave: int) -> dict[str, Any]:
    return {
        "rollout_id": rollout_id,
        "till_id": till_id,
        "wave": wave,
        "state": "pending",
        "attempt": 0,
        **UNSAID,
    }
