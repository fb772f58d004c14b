"""What each till says it sells with, and since when: the answer to "which price had till 7 at 10:32 yesterday?"."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, func, insert, select

from malote.database.load_tables import load_till
from malote.load_format.wire import EntityState
from malote.loads import entity_rows
from malote.tills.till import ids_of
from malote.wire import LoadsHeld

_encode = msgspec.json.Encoder(order="sorted")


class Held(msgspec.Struct, frozen=True, gc=False):
    """``others``: the version of each entity that isn't as it was at ``version``; 0: the till has nothing of it.
    ``differing``: entities whose digest isn't that of the version they are said to be of. ``chosen``: by entity, rows
    that it was given alone: the version that it has of each, by key."""

    till_id: int
    version: int
    others: dict[str, int]
    applied_at: float
    heard_at: float
    rolled_back_from: int
    differing: list[str]
    chosen: dict[str, dict[str, int]] = {}

    def version_of(self, entity: str) -> int:
        """To which the till has it; 0: it has nothing of it."""
        return self.others.get(entity, self.version)


def note(connection: Connection, till_id: int, said: LoadsHeld, skew: float, now: float) -> Held:
    """What the till has now. A row of its own, where it isn't what it had. ``skew``: its clock less the server's."""
    states = entity_rows.states_at(connection, said.version)
    others = {}
    for name in sorted(set(states) | set(said.entities)):
        held = said.entities.get(name)
        version = held.version if held is not None else 0
        if name not in states or version != states[name][1].version:
            others[name] = version
    differing = [
        name
        for name, held in sorted(said.entities.items())
        if _differs(entity_rows.state_of(connection, name, held.version), held.version, held.sha256)
    ]
    found = Held(
        till_id,
        said.version,
        others,
        min(said.applied_at - skew, now) if said.applied_at else now,
        now,
        said.rolled_back_from,
        differing,
    )
    before = newest(connection, [till_id]).get(till_id)
    if before is not None:
        chosen = before.chosen
        if said.rolled_back_from:
            chosen = _kept_chosen(connection, found, said)
        elif said.version < before.version:
            chosen = {}  # an agent that knows of no step back obeyed one: by files, which prove all rows
        found = msgspec.structs.replace(found, chosen=_left(chosen, found) if said.version else {})
        if _content(before) == _content(found):
            return before
        for step in said.taken_back:
            before = _with_step(connection, before, *step, skew, now)
    return _add(connection, found)


def _with_step(
    connection: Connection, before: Held, version: int, back_from: int, applied_at: int, skew: float, now: float
) -> Held:
    """What it had after a step back, where nobody heard of it then: what was sold meanwhile was sold by that."""
    if (before.version, before.rolled_back_from) == (version, back_from):
        return before
    there = (load_till.c.till_id == before.till_id) & (load_till.c.version == version)
    row = connection.execute(select(load_till).where(there).order_by(load_till.c.id.desc()).limit(1)).one_or_none()
    had = _held(row) if row is not None else Held(before.till_id, version, {}, 0.0, now, 0, [])
    return _add(
        connection,
        msgspec.structs.replace(
            had,
            applied_at=max(before.applied_at, min(applied_at - skew, now)),
            heard_at=now,
            rolled_back_from=back_from,
            chosen=chosen_of(had.chosen, version),
        ),
    )


def note_chosen(
    connection: Connection, till_id: int, items: Mapping[str, Sequence[bytes]], version: int, now: float
) -> None:
    """That the till has these rows as they are at a version, while their entities are as they were."""
    before = newest(connection, [till_id]).get(till_id)
    if before is None:
        return
    chosen = {name: dict(some) for name, some in before.chosen.items()}
    for name, keys in items.items():
        if before.version_of(name) < version:
            chosen.setdefault(name, {}).update({key.decode(): version for key in keys})
    if chosen != before.chosen:
        _add(connection, msgspec.structs.replace(before, chosen=chosen, applied_at=now, heard_at=now))


def _add(connection: Connection, found: Held) -> Held:
    values = msgspec.structs.asdict(found)
    values |= {name: _encode.encode(values[name]).decode() for name in ("others", "differing", "chosen")}
    connection.execute(insert(load_till).values(values))
    return found


def _left(chosen: dict[str, dict[str, int]], held: Held) -> dict[str, dict[str, int]]:
    """Those that are still newer than the rest of their entity."""
    kept = {
        name: {key: version for key, version in some.items() if version > held.version_of(name)}
        for name, some in chosen.items()
    }
    return {name: some for name, some in kept.items() if some}


def _kept_chosen(connection: Connection, held: Held, said: LoadsHeld) -> dict[str, dict[str, int]]:
    """Of rows that it was given alone those that it has after a step back. One that was ordered left none: its rows are
    proven to be those of the versions. One at the till led to what it had when it was at that version."""
    if said.rolled_back_by:
        return {}
    there = (load_till.c.till_id == held.till_id) & (load_till.c.version == held.version)
    row = connection.execute(select(load_till.c.chosen).where(there).order_by(load_till.c.id.desc()).limit(1)).first()
    return chosen_of(_decoded(row.chosen), held.version) if row is not None else {}


def chosen_of(chosen: Mapping[str, Mapping[str, int]], version: int) -> dict[str, dict[str, int]]:
    """Those that came with this version or before: they may be noted a moment before the version is."""
    kept = {name: {key: came for key, came in some.items() if came <= version} for name, some in chosen.items()}
    return {name: some for name, some in kept.items() if some}


def newest(connection: Connection, till_ids: Iterable[int]) -> dict[int, Held]:
    """What each has now, as far as it said."""
    ids = list(till_ids)
    each, wanted = load_till.alias(), ids_of(ids)
    # One look into an index for each, whatever its history, and one statement for all.
    last = select(func.max(each.c.id)).where(each.c.till_id == wanted.c.id).scalar_subquery()
    query = select(load_till).select_from(load_till).join(wanted, load_till.c.id == last)
    known = set(ids)
    return {row.till_id: _held(row) for row in connection.execute(query) if row.till_id in known}


def at(connection: Connection, till_id: int, moment: float) -> Held | None:
    """What it had at a moment, in seconds since the epoch; None where it had nothing, or nobody knows."""
    query = (
        select(load_till)
        .where(load_till.c.till_id == till_id, load_till.c.applied_at <= moment)
        .order_by(load_till.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _held(row)


def between(connection: Connection, till_id: int, first: float, last: float) -> list[Held]:
    """What it had from the one moment to the other, the newest first."""
    found = []
    query = select(load_till).where(load_till.c.till_id == till_id, load_till.c.applied_at <= last)
    for row in connection.execute(query.order_by(load_till.c.id.desc())):
        found.append(_held(row))
        if row.applied_at <= first:
            break
    return found


def _held(row: Any) -> Held:
    return Held(
        row.till_id,
        row.version,
        _decoded(row.others),
        row.applied_at,
        row.heard_at,
        row.rolled_back_from,
        _decoded(row.differing),
        _decoded(row.chosen),
    )


def _decoded(text: str) -> Any:
    """Of most tills there is nothing in it."""
    return {} if text == "{}" else [] if text == "[]" else msgspec.json.decode(text)


def _content(held: Held) -> tuple[object, ...]:
    return (held.version, held.others, held.rolled_back_from, held.differing, held.chosen)


def _differs(known: tuple[int, EntityState] | None, version: int, sha256: str) -> bool:
    """One that this database knows nothing of isn't said to be wrong."""
    return known is not None and known[1].version == version and known[1].sha256 != sha256
