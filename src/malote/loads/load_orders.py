"""Orders to tills to have a state of the loads: by itself when something changed, or when a person says so.

One order of the kind is open for a till. A till that is at it is left to finish, and then told of what came meanwhile;
what a person orders, an emergency and what no longer moves don't wait for that. A till that is kept at an earlier load
is told of that one, whatever is newest, until it has it again and for as long as it is kept.
"""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import msgspec
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import NoResultFound

from malote import wire
from malote.accounts import audit
from malote.accounts.audit import SYSTEM, Actor
from malote.config import LoadsSettings
from malote.database.engine import reading, writing
from malote.database.order_tables import till_order
from malote.load_format.wire import LOAD, EntityState, LoadNews, LoadOrder
from malote.loads import back_rows, entity_rows, tills_held
from malote.loads.back_rows import Back
from malote.loads.damaged_files import DAMAGED, DamagedFiles
from malote.loads.load_waves import LoadWaves
from malote.loads.manifests import base_of, keys_of_items
from malote.loads.merged_orders import both_of
from malote.loads.wave_rows import LoadRollout
from malote.orders import book, rows
from malote.orders.kinds import OrderKind, Placing
from malote.orders.rows import StoredOrder
from malote.quiet_hours import is_quiet
from malote.remembered import Remembered
from malote.tills.till import Till
from malote.wire import LoadsHeld

TARGET_SECONDS = 0.5  # between two looks at what the newest version is, however many tills come


class Target(msgspec.Struct, frozen=True):
    """What tills should have now: an entity's id, and its state."""

    version: int
    entities: dict[str, tuple[int, EntityState]]

    def order(self) -> LoadOrder:
        return LoadOrder(self.version, {name: state for name, (_, state) in self.entities.items()})

    def missing(self, held: Mapping[str, wire.EntityHeld]) -> dict[str, tuple[int, EntityState]]:
        """What a till that has this should get."""
        return {
            name: found
            for name, found in self.entities.items()
            if name not in held or held[name].sha256 != found[1].sha256
        }


class LoadOrders(OrderKind):
    """Safe for threads. Methods raise ``StoreError``."""

    name = LOAD

    def __init__(
        self,
        engine: Engine,
        settings: LoadsSettings,
        now_in_store: Callable[[float], str],
        clock: Callable[[], float] = time.time,
        damaged: DamagedFiles | None = None,
    ) -> None:
        """``now_in_store``: ``HH:MM`` of a moment by the store's clock. ``damaged``: None where no files are served."""
        self._engine = engine
        self._settings = settings
        self._now_in_store = now_in_store
        self._clock = clock
        self._damaged = damaged
        self.waves = LoadWaves(engine, settings, clock)
        self._target = Remembered[None, Target | None](lambda _: self._read_target(), TARGET_SECONDS)
        self._kept_back = Remembered[None, Mapping[int, Back]](lambda _: self._read_kept_back(), TARGET_SECONDS)
        self._said: dict[int, LoadsHeld] = {}  # last noted of each till
        self._lock = threading.Lock()

    def target(self) -> Target | None:
        """None while nothing was ever loaded."""
        return self._target(None)

    def news(self) -> LoadNews:
        """What waiting tills hear of."""
        target = self.target()
        return LoadNews(target.version if target else 0, self.waves.open_wave())

    def merged(self, held: str, new: str) -> str:
        first, second = (msgspec.json.decode(one, type=LoadOrder) for one in (held, new))
        return msgspec.json.encode(both_of(first, second, self._states)).decode()

    def _states(self) -> Mapping[str, EntityState]:
        target = self.target()
        return target.order().entities if target else {}

    def note(self, till: Till, contact: wire.Contact) -> None:
        """What the till has, where that is news."""
        said, now = contact.loads, self._clock()
        if said is None or self._said.get(till.id) == said:
            return
        with writing(self._engine) as connection:
            held = tills_held.note(connection, till.id, said, contact.clock.timestamp() - now, now)
            back = back_rows.hear(connection, held, said, now)
            if back is not None:
                self.went_back(connection, till, back, SYSTEM)
        with self._lock:
            self._said[till.id] = said
        if back is not None:
            self.kept_back_changed()

    def kept_back_changed(self) -> None:
        """After the transaction that keeps a till back, or releases it. Another process notices it in a moment."""
        self._kept_back.forget()

    def went_back(self, connection: Connection, till: Till, back: Back, actor: Actor) -> None:
        """In the transaction that keeps a till at an earlier load: nothing newer goes to it, and no roll-out of what
        isn't wanted there goes on by itself."""
        rows.withdraw(connection, LOAD, [till.id], self._clock())
        self.waves.leave(connection, till, back.back_from)
        facts: dict[str, str | int] = {"version": back.version, "back_from": back.back_from}
        if back.until is not None:
            facts["until"] = datetime.fromtimestamp(back.until, UTC).isoformat(timespec="minutes")
        what = "load_back_ordered" if back.asked_by else "load_back_reported"
        audit.record(connection, actor, what, f"till:{till.name}", after=facts, reason=back.reason, now=self._clock())

    def call(self, till: Till, contact: wire.Contact) -> bool:
        """Notes what the till has, and orders what it should have."""
        said, now = contact.loads, self._clock()
        if said is None:
            return False
        self.note(till, contact)
        self._mind_damage(till, contact)
        target = self.target()
        if target is None:
            return False
        if self._kept_back(None).get(till.id) is not None:
            return self._call_back(till, said, now)
        has_all = not target.missing(said.entities)
        if not said.version or self._is_urgent(said):
            return not has_all and self._call_by_itself(till, said, target, now)
        turn, rollout = self.waves.turn(till, target.version, has_all=has_all)
        if turn == "now" and rollout is not None:
            return self._call_in_wave(till, said, target, rollout)
        if has_all or turn == "waits":
            return False
        return self._call_by_itself(till, said, target, now)

    def _call_by_itself(self, till: Till, said: LoadsHeld, target: Target, now: float) -> bool:
        if said.version and not self._settings.automatic:
            return False  # a first load comes by itself in any case
        with reading(self._engine) as connection:
            if not self._is_due(connection, till, said, target, now):
                return False
        with writing(self._engine) as connection:
            return self._place(connection, till, self._order(connection, said, target, now), SYSTEM.name, now)

    def _call_back(self, till: Till, said: LoadsHeld, now: float) -> bool:
        """What it is kept at, where it doesn't have it: at any hour, since a person said so."""
        with reading(self._engine) as connection:
            back = back_rows.of(connection, till.id, now)
            if back is None:
                return False
            order = back_rows.order_of(connection, back, back.back_from)
            lacks = any(_differs(said.entities.get(name), state) for name, state in order.entities.items())
            if not lacks or not self._is_back_due(connection, till, order, now):
                return False
        with writing(self._engine) as connection:
            stands = back_rows.of(connection, till.id, now)
            if stands is None or stands.id != back.id:  # released meanwhile, or kept at another one
                return False
            return self._place(connection, till, order, back.asked_by or SYSTEM.name, now)

    def _is_back_due(self, connection: Connection, till: Till, order: LoadOrder, now: float) -> bool:
        last = self._last(connection, till.id)
        payload = _payload(connection, last) if last is not None else None
        if (
            last is None
            or payload is None
            or (payload.entities, payload.back_from) != (order.entities, order.back_from)
        ):
            return True
        return last.ended_at is not None and (last.state != "failed" or self._has_rested(last, now))

    def _call_in_wave(self, till: Till, said: LoadsHeld, target: Target, rollout: LoadRollout) -> bool:
        """Its wave is open."""
        now = self._clock()
        with writing(self._engine) as connection:
            is_by_itself = rollout.asked_by == SYSTEM.name
            if is_by_itself and self._is_quiet(now) and _needed_whole(connection, said, target):
                return False
            if not self.waves.offer(connection, rollout, till):
                return False
            states = target.order().entities
            wanted = {name: states[name] for name in rollout.entities or states if name in states}
            order = LoadOrder(target.version, wanted, rollout.anew or _was_taken_back(said, target))
            return self._place(connection, till, order, rollout.asked_by, now)

    def _place(self, connection: Connection, till: Till, order: LoadOrder, who: str, now: float) -> bool:
        """False where a person keeps the till at an earlier load since it was looked at."""
        if not order.back_from and back_rows.of(connection, till.id, now) is not None:
            return False
        placing = Placing(till.id, msgspec.json.encode(order).decode())
        book.place(connection, self, [placing], who=who, now=now)
        return True

    def _is_urgent(self, said: LoadsHeld) -> bool:
        """An emergency doesn't wait for its wave."""
        if not self._settings.waves and not self.waves.open_wave():
            return False
        with reading(self._engine) as connection:
            return entity_rows.is_emergency(connection, said.version)

    def _mind_damage(self, till: Till, contact: wire.Contact) -> None:
        """A till says it of its last order for as long as that is the last."""
        if self._damaged is None:
            return
        for one in contact.orders or []:
            if (one.kind, one.state, one.code) != (LOAD, "failed", DAMAGED):
                continue
            if self._damaged.reported(one.facts.get("sha256", ""), (till.id, one.number)):
                with reading(self._engine) as connection:
                    last = self._last(connection, till.id)
                if last is not None and self._is_mended(last):
                    self.waves.mended(till)

    def heard(self, connection: Connection, till: Till, order: StoredOrder, said: wire.OrderProgress) -> None:
        """Rows that the till was given alone are known from its word that it has obeyed, and from nothing else."""
        if said.state == "begun":
            return
        payload = _payload(connection, order)
        self.waves.heard(connection, till, payload, said)
        if said.state == "done":
            items = {
                name: keys_of_items(connection, name, payload.version, some) for name, some in payload.items.items()
            }
            if items:
                tills_held.note_chosen(connection, till.id, items, payload.version, self._clock())

    # ---- what is due ----

    def _is_due(self, connection: Connection, till: Till, said: LoadsHeld, target: Target, now: float) -> bool:
        last, lacks = self._last(connection, till.id), bool(self._wanted(connection, said, target, now))
        if last is not None and last.ended_at is None:
            return self._replaces(connection, last, target, now, lacks=lacks)
        if last is not None and last.state in ("failed", "cancelled"):
            payload = _payload(connection, last)
            covers = payload.version >= target.version and not payload.back_from
            if covers and not self._has_rested(last, now):
                return False
        return lacks

    def _has_rested(self, failed: StoredOrder, now: float) -> bool:
        rests = now < (failed.ended_at or now) + self._settings.retry_minutes * 60
        return not rests or self._is_mended(failed)

    def _is_mended(self, failed: StoredOrder) -> bool:
        """It failed for a file that had rotted here, and that is made anew."""
        if self._damaged is None or failed.code != DAMAGED:
            return False
        sha256 = msgspec.json.decode(failed.facts or "{}", type=dict[str, str]).get("sha256", "")
        return self._damaged.was_removed_since(sha256, failed.begun_at or failed.asked_at)

    def _replaces(self, connection: Connection, last: StoredOrder, target: Target, now: float, *, lacks: bool) -> bool:
        """Whether an open order gives way to one for the newest version. ``lacks``: there is something to order now."""
        payload = _payload(connection, last)
        if payload.back_from:
            return True  # it is released, at any hour
        if not lacks:
            return False
        wanted = target.order().entities
        if all(payload.entities.get(name) == state for name, state in wanted.items()):
            return False
        moved_at = last.moved_at or last.begun_at or now
        stalls = now - moved_at > self._settings.stalled_minutes * 60
        return last.begun_at is None or stalls or entity_rows.is_emergency(connection, payload.version)

    def _last(self, connection: Connection, till_id: int) -> StoredOrder | None:
        mine = (till_order.c.till_id == till_id) & (till_order.c.kind == LOAD)
        query = select(*rows.COLUMNS).where(mine).order_by(till_order.c.number.desc()).limit(1)
        row = connection.execute(query).one_or_none()
        return None if row is None else rows.stored(row)

    def _order(self, connection: Connection, said: LoadsHeld, target: Target, now: float) -> LoadOrder:
        missing = {name: state for name, (_, state) in target.missing(said.entities).items()}
        wanted = self._wanted(connection, said, target, now) or missing  # all, in place of a step back that is over
        urgent = entity_rows.is_emergency(connection, said.version)
        return LoadOrder(target.version, wanted, _was_taken_back(said, target), emergency=urgent)

    def _wanted(self, connection: Connection, said: LoadsHeld, target: Target, now: float) -> dict[str, EntityState]:
        """What it lacks; in quiet hours only what it can be brought to by changes, unless it has nothing at all."""
        missing = target.missing(said.entities)
        if said.version and self._is_quiet(now):
            put_off = _needed_whole(connection, said, target)
            missing = {name: found for name, found in missing.items() if name not in put_off}
        return {name: state for name, (_, state) in missing.items()}

    def _is_quiet(self, now: float) -> bool:
        return is_quiet(self._settings.quiet_hours, self._now_in_store(now))

    def _read_target(self) -> Target | None:
        with reading(self._engine) as connection:
            version = entity_rows.newest_version(connection)
            return Target(version, entity_rows.states_at(connection, version)) if version else None

    def _read_kept_back(self) -> Mapping[int, Back]:
        with reading(self._engine) as connection:
            return back_rows.in_force(connection, self._clock())


def _payload(connection: Connection, order: StoredOrder) -> LoadOrder:
    """The empty one, where it was swept away."""
    try:
        return msgspec.json.decode(rows.payload_of(connection, order.payload_sha256), type=LoadOrder)
    except NoResultFound:
        return LoadOrder(0, {})


def _was_taken_back(said: LoadsHeld, target: Target) -> bool:
    """Whether a till that isn't kept back any more is to have what was taken back there: it refuses it otherwise."""
    return said.rolled_back_from >= target.version


def _differs(held: wire.EntityHeld | None, state: EntityState) -> bool:
    return held is None or held.sha256 != state.sha256


def _needed_whole(connection: Connection, said: LoadsHeld, target: Target) -> set[str]:
    """Entities that the till can't be brought to by changes of what it has."""
    return {
        name
        for name, (entity_id, _) in target.missing(said.entities).items()
        if base_of(connection, name, entity_id, said.entities.get(name)) is None
    }
