"""Roll-outs of loads in the store database: rows beside those that all roll-outs have (``orders.rollout_rows``). Each
function works in the caller's transaction."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection, delete, select

from malote.database.load_tables import load_rollout, load_rollout_till
from malote.load_format.wire import LOAD
from malote.loads.planning import Wanted
from malote.orders.rollout_reports import RolloutState
from malote.orders.rollout_rows import OPEN, RolloutRows
from malote.orders.waves import TillInWave
from malote.tills.till import last_contacts

ROWS = RolloutRows(LOAD, load_rollout, load_rollout_till)


class LoadRollout(msgspec.Struct, frozen=True):
    """``approved``: the last wave that may open. ``entities`` empty: all. ``code``: why it stopped."""

    id: int
    version: int
    entities: list[str]
    anew: bool
    asked_by: str
    everyone: bool
    state: RolloutState
    wave: int
    approved: int
    code: str


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
    entities = msgspec.json.encode(wanted.entities).decode()
    values = {"version": version, "entities": entities, "anew": wanted.anew, "approved": approved}
    return ROWS.place(connection, values, parted, who=who, everyone=everyone, now=now)


def newest(connection: Connection, *, locked: bool = False) -> LoadRollout | None:
    """``locked``: for this transaction alone."""
    query = select(load_rollout).order_by(load_rollout.c.id.desc()).limit(1)
    row = connection.execute(query.with_for_update() if locked else query).one_or_none()
    if row is None:
        return None
    values = {name: getattr(row, name) for name in LoadRollout.__struct_fields__}
    return LoadRollout(**(values | {"entities": msgspec.json.decode(row.entities)}))


def standings(connection: Connection, rollout_id: int, wave: int, heard_since: float) -> list[TillInWave]:
    """Of its tills up to a wave."""
    mine = (load_rollout_till.c.rollout_id == rollout_id) & (load_rollout_till.c.wave <= wave)
    columns = (load_rollout_till.c.till_id, load_rollout_till.c.wave, load_rollout_till.c.state)
    rows = connection.execute(select(*columns).where(mine)).all()
    heard = last_contacts(connection, [row.till_id for row in rows if row.state in OPEN])
    return [TillInWave(row.wave, row.state, heard.get(row.till_id, 0.0) >= heard_since) for row in rows]


def next_reachable(connection: Connection, rollout_id: int, wave: int, heard_since: float) -> int | None:
    """The till of the waves after that one whose turn comes first, of those that can answer."""
    ids = sorted((its, till_id) for till_id, its in waiting(connection, rollout_id, wave).items())
    heard = last_contacts(connection, [till_id for _, till_id in ids])
    return next((till_id for _, till_id in ids if heard.get(till_id, 0.0) >= heard_since), None)


def leave(connection: Connection, rollout_id: int, till_id: int) -> None:
    """A till that it isn't through with."""
    mine = (load_rollout_till.c.rollout_id == rollout_id) & (load_rollout_till.c.till_id == till_id)
    connection.execute(delete(load_rollout_till).where(mine, load_rollout_till.c.state != "done"))


def is_under_way(connection: Connection, rollout_id: int) -> bool:
    mine = (load_rollout_till.c.rollout_id == rollout_id) & load_rollout_till.c.state.in_(OPEN)
    return connection.execute(select(load_rollout_till.c.till_id).where(mine).limit(1)).first() is not None


def waiting(connection: Connection, rollout_id: int, wave: int) -> dict[int, int]:
    """Of the tills whose wave comes after that one, and that were told of nothing: their waves, by id."""
    later = (load_rollout_till.c.wave > wave) & (load_rollout_till.c.state == "pending")
    query = select(load_rollout_till.c.till_id, load_rollout_till.c.wave)
    rows = connection.execute(query.where(load_rollout_till.c.rollout_id == rollout_id, later))
    return {row.till_id: row.wave for row in rows}
