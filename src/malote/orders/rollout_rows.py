"""Roll-outs in the store database, of structures and of loads alike: rows, and how they change. Each method works in
the caller's transaction."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, case, func, insert, literal, select, update

from malote.database.chunks import chunks
from malote.orders.rollout_reports import Rollout, RolloutState, RolloutTill, TillState
from malote.orders.rows import withdraw
from malote.orders.waves import WAVES
from malote.tills.till import names_and_contacts

UNSAID = {"code": "", "facts": "{}"}  # of a till that has not failed
UNSTOPPED = {"code": "", "stopped_by": ""}
OPEN: tuple[TillState, ...] = ("pending", "offered")
_facts = msgspec.json.Decoder(dict[str, str])


class RolloutRows:
    """``kind``: of the orders that carry it to tills. ``new_till``: what its table of tills has beside the columns that
    all have."""

    def __init__(self, kind: str, rollouts: Table, tills: Table, new_till: Mapping[str, Any] | None = None) -> None:
        self._kind = kind
        self._rollouts = rollouts
        self._tills = tills
        self._new_till = new_till or {}
        self._approved = rollouts.c.get("approved", literal(0))

    def place(
        self,
        connection: Connection,
        values: Mapping[str, Any],
        parted: Mapping[int, int],
        *,
        who: str,
        everyone: bool,
        now: float,
    ) -> int:
        """A new roll-out's id. One that goes on ends here. ``parted``: the wave of each till."""
        going_on = self._rollouts.c.state.in_(("running", "stopped"))
        for found in connection.scalars(select(self._rollouts.c.id).where(going_on)).all():
            self.end(connection, found, "cancelled", now)
        asked = {"asked_by": who, "asked_at": now, "everyone": everyone, "state": "running", "wave": 1, **UNSTOPPED}
        placed = insert(self._rollouts).values({**values, **asked}).returning(self._rollouts.c.id)
        new = int(connection.execute(placed).scalar_one())
        rows = [self._new_row(new, till_id, wave) for till_id, wave in parted.items()]
        for some in chunks(rows):
            connection.execute(insert(self._tills), list(some))
        return new

    def join(self, connection: Connection, rollout_id: int, till_id: int) -> None:
        """A till that came later, in the last wave."""
        connection.execute(insert(self._tills).values(self._new_row(rollout_id, till_id, WAVES)))
        is_done = (self._rollouts.c.id == rollout_id) & (self._rollouts.c.state == "done")
        connection.execute(update(self._rollouts).where(is_done).values(state="running", finished_at=None))

    def end(self, connection: Connection, rollout_id: int, state: RolloutState, now: float) -> None:
        """Cancels what has not begun; a till that is at it may still report."""
        if state == "cancelled":
            self._withdraw(connection, rollout_id, now)
            mine = (self._tills.c.rollout_id == rollout_id) & self._tills.c.state.in_(OPEN)
            connection.execute(update(self._tills).where(mine).values(state="cancelled"))
        self.set(connection, rollout_id, state=state, finished_at=now)

    def again(self, connection: Connection, rollout_id: int, till_values: Mapping[str, Any], **values: Any) -> None:
        """Goes on; tills that failed try anew."""
        mine = (self._tills.c.rollout_id == rollout_id) & (self._tills.c.state != "done")
        fresh = {"state": "pending", "offered_at": None, **UNSAID, **till_values}
        connection.execute(update(self._tills).where(mine).values(fresh))
        self.set(connection, rollout_id, state="running", finished_at=None, **UNSTOPPED, **values)

    def stop(self, connection: Connection, rollout_id: int, code: str, till_name: str, now: float) -> None:
        """Nobody else is told of it. One that has ended stays as it ended."""
        self._withdraw(connection, rollout_id, now)
        running = (self._rollouts.c.id == rollout_id) & (self._rollouts.c.state == "running")
        stopped = {"state": "stopped", "code": code, "stopped_by": till_name}
        connection.execute(update(self._rollouts).where(running).values(stopped))

    def move(self, connection: Connection, rollout_id: int, wave: int) -> None:
        """Opens the waves up to this one; none that is open closes."""
        behind = (self._rollouts.c.id == rollout_id) & (self._rollouts.c.wave < wave)
        connection.execute(update(self._rollouts).where(behind).values(wave=wave))

    def mark(self, connection: Connection, rollout_id: int, till_id: int, **values: Any) -> None:
        connection.execute(update(self._tills).where(self._mine(rollout_id, till_id)).values(UNSAID | values))

    def set(self, connection: Connection, rollout_id: int, **values: Any) -> None:
        connection.execute(update(self._rollouts).where(self._rollouts.c.id == rollout_id).values(values))

    def state_of(self, connection: Connection, rollout_id: int, till_id: int) -> tuple[int, TillState] | None:
        """The till's wave, and how far it is; None of one that isn't in it."""
        query = select(self._tills.c.wave, self._tills.c.state).where(self._mine(rollout_id, till_id))
        row = connection.execute(query).one_or_none()
        return None if row is None else (row.wave, row.state)

    def find(self, connection: Connection, rollout_id: int | None) -> Rollout | None:
        """The newest where ``rollout_id`` is None."""
        upto_wave = self._approved.label("upto_wave")
        query = select(self._rollouts, upto_wave).order_by(self._rollouts.c.id.desc()).limit(1)
        if rollout_id is not None:
            query = query.where(self._rollouts.c.id == rollout_id)
        row = connection.execute(query).one_or_none()
        if row is None:
            return None
        mine = self._tills.c.rollout_id == row.id
        by_state = select(self._tills.c.state, func.count().label("tills")).where(mine)
        counted = connection.execute(by_state.group_by(self._tills.c.state)).all()
        return Rollout(
            id=row.id,
            version=row.version,
            asked_by=row.asked_by,
            asked_at=row.asked_at,
            everyone=row.everyone,
            state=row.state,
            wave=row.wave,
            waves=connection.execute(select(func.coalesce(func.max(self._tills.c.wave), 1)).where(mine)).scalar_one(),
            counts={one.state: one.tills for one in counted},
            finished_at=row.finished_at,
            code=row.code,
            stopped_by=row.stopped_by,
            approved=row.upto_wave,
        )

    def tills_of(
        self, connection: Connection, rollout_id: int, heard_since: float, name: str | None = None
    ) -> list[RolloutTill]:
        """Those that failed first, then by wave and name; or the one of that name alone."""
        till = names_and_contacts()
        failed_first = case((self._tills.c.state == "failed", 0), else_=1)
        query = (
            select(self._tills, till.c.name, till.c.last_contact_at)
            .join(till, till.c.id == self._tills.c.till_id)
            .where(self._tills.c.rollout_id == rollout_id)
            .order_by(failed_first, self._tills.c.wave, till.c.name_key)
        )
        if name is not None:
            query = query.where(till.c.name_key == name.lower())
        return [_till(row, heard_since) for row in connection.execute(query)]

    def _withdraw(self, connection: Connection, rollout_id: int, now: float) -> None:
        """The orders of those who were told of it."""
        told = (self._tills.c.rollout_id == rollout_id) & (self._tills.c.state == "offered")
        withdraw(connection, self._kind, connection.scalars(select(self._tills.c.till_id).where(told)).all(), now)

    def _mine(self, rollout_id: int, till_id: int) -> ColumnElement[bool]:
        return (self._tills.c.rollout_id == rollout_id) & (self._tills.c.till_id == till_id)

    def _new_row(self, rollout_id: int, till_id: int, wave: int) -> dict[str, Any]:
        mine = {"rollout_id": rollout_id, "till_id": till_id, "wave": wave}
        return {**mine, "state": "pending", **UNSAID, **self._new_till}


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
