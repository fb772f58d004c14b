"""Roll-outs of loads in the store database: rows, and how they change. Each function works in the caller's
transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from malote.database.chunks import chunks
from malote.database.load_tables import load_rollout, load_rollout_till
from malote.load_format.wire import LOAD
from malote.loads.planning import Wanted
from malote.orders.rollout_reports import Rollout, RolloutState, RolloutTill, TillState
from malote.orders.rows import withdraw
from malote.orders.waves import WAVES, TillInWave
from malote.tills.till import last_contacts

_OPEN: tuple[TillState, ...] = ("pending", "offered")
_UNSTOPPED = {"code": "", "stopped_by": ""}
_UNSAID = {"code": "", "facts": "{}"}  # of a till that has not failed
_facts = msgspec.json.Decoder(dict[str, str])


class LoadRollout(msgspec.Struct, frozen=True):
    """``approved``: the last wave that may open. ``entities`` empty: all."""

    id: int
    version: int
    entities: list[str]
    anew: bool
    asked_by: str
    everyone: bool
    state: RolloutState
    wave: int
    approved: int


def place(
    connection: Connection,
    wanted: Wanted,
    version: int,
    parted: Mapping[int, int],
    *,
    who: str,
    everyone: bool,
    approved: int,
    now: float,
) -> int:
    """A new roll-out's id. One that goes on ends here. ``parted``: the wave of each till."""
    going_on = load_rollout.c.state.in_(("running", "stopped"))
    for found in connection.scalars(select(load_rollout.c.id).where(going_on)).all():
        end(connection, found, "cancelled", now)
    values = {
        "version": version,
        "entities": msgspec.json.encode(wanted.entities).decode(),
        "anew": wanted.anew,
        "asked_by": who,
        "asked_at": now,
        "everyone": everyone,
        "state": "running",
        "wave": 1,
        "approved": approved,
        **_UNSTOPPED,
    }
    new = int(connection.execute(insert(load_rollout).values(values).returning(load_rollout.c.id)).scalar_one())
    rows = [_new_row(new, till_id, wave) for till_id, wave in parted.items()]
    for some in chunks(rows):
        connection.execute(insert(load_rollout_till), list(some))
    return new


def join(connection: Connection, rollout_id: int, till_id: int) -> None:
    """A till that came later, in the last wave."""
    connection.execute(insert(load_rollout_till).values(_new_row(rollout_id, till_id, WAVES)))
    is_done = (load_rollout.c.id == rollout_id) & (load_rollout.c.state == "done")
    connection.execute(update(load_rollout).where(is_done).values(state="running", finished_at=None))


def end(connection: Connection, rollout_id: int, state: RolloutState, now: float) -> None:
    """Cancels what has not begun; a till that is at it may still report."""
    if state == "cancelled":
        mine = (load_rollout_till.c.rollout_id == rollout_id) & load_rollout_till.c.state.in_(_OPEN)
        _withdraw(connection, mine & (load_rollout_till.c.state == "offered"), now)
        connection.execute(update(load_rollout_till).where(mine).values(state="cancelled"))
    _set(connection, rollout_id, state=state, finished_at=now)


def again(connection: Connection, rollout_id: int) -> None:
    """Goes on; tills that failed try anew."""
    mine = (load_rollout_till.c.rollout_id == rollout_id) & (load_rollout_till.c.state != "done")
    connection.execute(update(load_rollout_till).where(mine).values(state="pending", offered_at=None, **_UNSAID))
    _set(connection, rollout_id, state="running", finished_at=None, **_UNSTOPPED)


def stop(connection: Connection, rollout_id: int, code: str, till: str, now: float) -> None:
    """Nobody else is told of it."""
    mine = (load_rollout_till.c.rollout_id == rollout_id) & (load_rollout_till.c.state == "offered")
    _withdraw(connection, mine, now)
    _set(connection, rollout_id, state="stopped", code=code, stopped_by=till)


def move(connection: Connection, rollout_id: int, wave: int) -> None:
    _set(connection, rollout_id, wave=wave)


def approve(connection: Connection, rollout_id: int, wave: int) -> None:
    _set(connection, rollout_id, approved=wave)


def mark(connection: Connection, rollout_id: int, till_id: int, **values: Any) -> None:
    mine = (load_rollout_till.c.rollout_id == rollout_id) & (load_rollout_till.c.till_id == till_id)
    connection.execute(update(load_rollout_till).where(mine).values(_UNSAID | values))


def newest(connection: Connection, *, locked: bool = False) -> LoadRollout | None:
    """``locked``: for this transaction alone."""
    query = select(load_rollout).order_by(load_rollout.c.id.desc()).limit(1)
    row = connection.execute(query.with_for_update() if locked else query).one_or_none()
    if row is None:
        return None
    values = {name: getattr(row, name) for name in LoadRollout.__struct_fields__}
    return LoadRollout(**(values | {"entities": msgspec.json.decode(row.entities)}))


def state_of(connection: Connection, rollout_id: int, till_id: int) -> tuple[int, TillState] | None:
    """The till's wave, and how far it is; None of one that isn't in it."""
    mine = (load_rollout_till.c.rollout_id == rollout_id) & (load_rollout_till.c.till_id == till_id)
    row = connection.execute(select(load_rollout_till.c.wave, load_rollout_till.c.state).where(mine)).one_or_none()
    return None if row is None else (row.wave, row.state)


def standings(connection: Connection, rollout_id: int, wave: int, heard_since: float) -> list[TillInWave]:
    """Of its tills up to a wave."""
    mine = (load_rollout_till.c.rollout_id == rollout_id) & (load_rollout_till.c.wave <= wave)
    columns = (load_rollout_till.c.till_id, load_rollout_till.c.wave, load_rollout_till.c.state)
    rows = connection.execute(select(*columns).where(mine)).all()
    heard = last_contacts(connection, [row.till_id for row in rows if row.state in _OPEN])
    return [TillInWave(row.wave, row.state, heard.get(row.till_id, 0.0) >= heard_since) for row in rows]


def is_under_way(connection: Connection, rollout_id: int) -> bool:
    mine = (load_rollout_till.c.rollout_id == rollout_id) & load_rollout_till.c.state.in_(_OPEN)
    return connection.execute(select(load_rollout_till.c.till_id).where(mine).limit(1)).first() is not None


def find(connection: Connection, rollout_id: int | None) -> Rollout | None:
    """The newest where ``rollout_id`` is None."""
    query = select(load_rollout).order_by(load_rollout.c.id.desc()).limit(1)
    if rollout_id is not None:
        query = query.where(load_rollout.c.id == rollout_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    mine = load_rollout_till.c.rollout_id == row.id
    by_state = select(load_rollout_till.c.state, func.count().label("tills")).where(mine)
    counted = connection.execute(by_state.group_by(load_rollout_till.c.state)).all()
    last = connection.execute(select(func.coalesce(func.max(load_rollout_till.c.wave), 1)).where(mine)).scalar_one()
    return Rollout(
        id=row.id,
        version=row.version,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        everyone=row.everyone,
        state=row.state,
        wave=row.wave,
        waves=last,
        counts={one.state: one.tills for one in counted},
        finished_at=row.finished_at,
        code=row.code,
        stopped_by=row.stopped_by,
        approved=row.approved,
    )


def tills_of(
    connection: Connection, rollout_id: int, names: Mapping[int, str], heard_since: float
) -> list[RolloutTill]:
    """Those that failed first, then by wave and name."""
    rows = connection.execute(select(load_rollout_till).where(load_rollout_till.c.rollout_id == rollout_id)).all()
    heard = last_contacts(connection, [row.till_id for row in rows])
    found = [_till(row, names, heard.get(row.till_id), heard_since) for row in rows]
    return sorted(found, key=lambda one: (one.state != "failed", one.wave, one.till.lower()))


def waiting(connection: Connection, rollout_id: int, wave: int) -> dict[int, int]:
    """Of the tills whose wave comes after that one, and that were told of nothing: their waves, by id."""
    later = (load_rollout_till.c.wave > wave) & (load_rollout_till.c.state == "pending")
    query = select(load_rollout_till.c.till_id, load_rollout_till.c.wave)
    rows = connection.execute(query.where(load_rollout_till.c.rollout_id == rollout_id, later))
    return {row.till_id: row.wave for row in rows}


def _till(row: Any, names: Mapping[int, str], contact: float | None, heard_since: float) -> RolloutTill:
    return RolloutTill(
        till=names.get(row.till_id, "?"),
        wave=row.wave,
        state=row.state,
        offline_since=contact if contact is not None and contact < heard_since else None,
        offered_at=row.offered_at,
        reported_at=row.reported_at,
        seconds=row.seconds,
        code=row.code,
        facts=_facts.decode(row.facts),
    )


def _withdraw(connection: Connection, condition: ColumnElement[bool], now: float) -> None:
    told: Sequence[int] = connection.scalars(select(load_rollout_till.c.till_id).where(condition)).all()
    withdraw(connection, LOAD, told, now)


def _set(connection: Connection, rollout_id: int, **values: Any) -> None:
    connection.execute(update(load_rollout).where(load_rollout.c.id == rollout_id).values(values))


def _new_row(rollout_id: int, till_id: int, wave: int) -> dict[str, Any]:
    return {"rollout_id": rollout_id, "till_id": till_id, "wave": wave, "state": "pending", **_UNSAID}
