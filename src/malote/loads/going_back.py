"""One step back of a till's load, as a person orders it, and its end.

A till that went back is kept at that load until a person releases it, or until the time that was said: the next version
has in it what was wrong with the one before, unless somebody mended it, which no program knows (decision 26).
"""

import time
from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy import Connection, Engine

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.database.engine import reading, writing
from malote.load_format.wire import LOAD, LoadOrder
from malote.loads import back_rows, entity_rows, published_rows, tills_held
from malote.loads.load_orders import LoadOrders
from malote.loads.load_reports import KeptBack
from malote.loads.tills_held import Held
from malote.loads.versions import LoadError
from malote.orders import book, rows
from malote.orders.kinds import Placing
from malote.tills.till import Till, find_till

MOST_EARLIER = 50  # loads that a till may go back to


class StepBack(msgspec.Struct, frozen=True):
    """What it is for a till. ``rows``: that change at most, by entity, those that do."""

    till: str
    back_from: int
    version: int
    rows: dict[str, int]


class LoadHad(msgspec.Struct, frozen=True):
    """A load that a till had, since ``at``, in seconds since the epoch."""

    version: int
    at: float


class Released(msgspec.Struct, frozen=True):
    till: str
    back: KeptBack


class GoingBack:
    """Safe for threads. Methods raise ``StoreError``, ``TillError``. Whether the actor may is for the face to ask."""

    def __init__(self, engine: Engine, orders: LoadOrders, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._orders = orders
        self._clock = clock

    def order(
        self,
        tills: Sequence[str],
        actor: Actor,
        *,
        reason: str = "",
        to: int = 0,
        until: float | None = None,
        dry_run: bool = False,
    ) -> list[StepBack]:
        """All of these tills, or none. ``to``: a version that they had; 0: the one that each had before. ``until``:
        seconds since the epoch; None: until they are released.

        Raises ``LoadError``: ``load_back_unknown`` where nobody knows that a till had that, ``load_back_over`` for a
        time that is over.
        """
        now = self._clock()
        if until is not None and until <= now:
            raise LoadError("load_back_over")
        chosen = [find_till(self._engine, name) for name in dict.fromkeys(tills)]
        if dry_run:
            with reading(self._engine) as connection:
                return [self._step(connection, till, *self._before(connection, till, to)) for till in chosen]
        with writing(self._engine) as connection:
            in_turn = sorted(chosen, key=lambda one: one.id)  # of two at once neither waits for the other
            steps = {one.name: self._go(connection, one, to, actor, reason, until, now) for one in in_turn}
        self._orders.kept_back_changed()
        return [steps[one.name] for one in chosen]

    def _go(
        self, connection: Connection, till: Till, to: int, actor: Actor, reason: str, until: float | None, now: float
    ) -> StepBack:
        held, before, order = self._before(connection, till, to)
        step = self._step(connection, till, held, before, order)
        back = back_rows.place(connection, before, held.version, who=actor.name, reason=reason, now=now, until=until)
        self._orders.went_back(connection, till, back, actor)
        placing = Placing(till.id, msgspec.json.encode(order).decode())
        book.place(connection, self._orders, [placing], who=actor.name, now=now)
        return step

    def release(self, tills: Sequence[str], actor: Actor, *, reason: str = "", dry_run: bool = False) -> list[Released]:
        """Lets these have what the others have: from their next contact on, as if they came late. Raises ``LoadError``
        ``load_not_back``."""
        now = self._clock()
        chosen = [find_till(self._engine, name) for name in dict.fromkeys(tills)]
        with writing(self._engine) as connection:
            stands = {one.id: back_rows.of(connection, one.id, now) for one in chosen}
            for one in chosen:
                if stands[one.id] is None:
                    raise LoadError("load_not_back", till=one.name)
            if not dry_run:
                back_rows.release(connection, list(stands), actor.name, now)
                rows.withdraw(connection, LOAD, list(stands), now)
                for one in chosen:
                    audit.record(connection, actor, "load_back_released", f"till:{one.name}", reason=reason, now=now)
        self._orders.kept_back_changed()
        return [Released(one.name, back.shown) for one in chosen if (back := stands[one.id]) is not None]

    def placings(self, connection: Connection, tills: Sequence[Till], order: LoadOrder) -> list[Placing]:
        """An order for these tills. One that is kept at an earlier load is to have of that what the others get of the
        newest; of chosen rows it gets none. One that is released, and was taken back from this version, is to have all
        of it, since it refuses it otherwise."""
        kept = back_rows.in_force(connection, self._clock())
        held = tills_held.newest(connection, [one.id for one in tills])
        found = []
        for till in tills:
            back = kept.get(till.id)
            if back is None:
                was_taken_back = till.id in held and held[till.id].rolled_back_from >= order.version
                mine = msgspec.structs.replace(order, anew=True) if was_taken_back else order
                found.append(Placing(till.id, msgspec.json.encode(mine).decode()))
            elif not order.items:
                mine = msgspec.structs.replace(back_rows.order_of(connection, back, back.back_from), anew=order.anew)
                found.append(Placing(till.id, msgspec.json.encode(mine).decode()))
        return found

    def earlier(self, till: str) -> list[LoadHad]:
        """To which the till may go back, the latest first. Raises ``TillError``."""
        found = find_till(self._engine, till)
        with reading(self._engine) as connection:
            held = tills_held.newest(connection, [found.id]).get(found.id)
            had = back_rows.earlier(connection, held, MOST_EARLIER) if held is not None else []
        return [LoadHad(one.version, one.applied_at) for one in had]

    def _before(self, connection: Connection, till: Till, to: int) -> tuple[Held, Held, LoadOrder]:
        """What the till has, what it had then, and the order that brings it there. Raises ``LoadError``."""
        held = tills_held.newest(connection, [till.id]).get(till.id)
        had = back_rows.earlier(connection, held, MOST_EARLIER) if held is not None else []
        before = next((one for one in had if to in (0, one.version)), None)
        order = back_rows.order_of(connection, before, held.version) if held is not None and before else None
        if held is None or before is None or order is None or not _is_known(before, order):
            raise LoadError("load_back_unknown", till=till.name)
        return held, before, order

    def _step(self, connection: Connection, till: Till, held: Held, before: Held, order: LoadOrder) -> StepBack:
        changed = {}
        for name, state in order.entities.items():
            known = entity_rows.state_of(connection, name, held.version_of(name))
            count = len(held.chosen.get(name, ()))  # rows that it was given alone
            if known is not None and known[1] != state:
                count += published_rows.count_changed(connection, known[0], known[1].version, state.version)
            if count:
                changed[name] = count
        return StepBack(till.name, held.version, before.version, changed)


def _is_known(before: Held, order: LoadOrder) -> bool:
    """False where rows of that version were forgotten, or are of another database."""
    wanted = {name for name, version in before.others.items() if version}
    return bool(order.entities) and wanted <= order.entities.keys()
