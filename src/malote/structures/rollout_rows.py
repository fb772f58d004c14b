"""Roll-outs of structures in the store database: rows beside those that all roll-outs have (``orders.rollout_rows``).
Each function works in the caller's transaction."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, case, func, insert, select, update

from malote import wire
from malote.database.order_tables import till_order
from malote.database.structure_tables import rollout, rollout_till, till_structure
from malote.database.tables import till as tills
from malote.orders.rollout_reports import TillState
from malote.orders.rollout_rows import RolloutRows
from malote.orders.waves import TillInWave

ROWS = RolloutRows(wire.STRUCTURE, rollout, rollout_till, {"attempt": 0})


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
    values = {
        "number": number(connection, now),
        "version": published.version,
        "sha256": published.sha256,
        "published": published.text,
        "signature": published.signature,
    }
    return ROWS.place(connection, values, waves, who=who, everyone=everyone, now=now)


def again(connection: Connection, rollout_id: int, now: float) -> None:
    """Goes on: under a new number, so that tills which failed try anew."""
    attempt = {"attempt": rollout_till.c.attempt + 1}
    ROWS.again(connection, rollout_id, attempt, number=number(connection, now))


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
