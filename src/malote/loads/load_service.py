"""The loads as the faces use them: one object, wired by the composition root.

Every method raises ``StoreError``, and ``LoadError``, whose code is in the catalogue, where it says so. Whether the
actor may do it (``Permission.LOAD``) is for the face to ask before it calls.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import tzinfo
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, select

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.config import Settings
from malote.database.engine import reading, writing
from malote.database.load_tables import load_hold, load_version
from malote.erp.factory import chosen_profile, open_configured
from malote.erp.profiles.errors import ProfileError
from malote.load_format.wire import MOST_ITEMS, Key, LoadItem, LoadOrder, Manifest, ManifestQuery
from malote.loads import (
    declarations,
    entity_rows,
    forgetting,
    held_changes,
    load_status,
    planning,
    price_history,
    published_rows,
    sold_prices,
    tills_held,
)
from malote.loads.damaged_files import DamagedFiles
from malote.loads.declarations import Loaded
from malote.loads.files_made import FilesMade
from malote.loads.going_back import GoingBack
from malote.loads.held_changes import HeldChanges
from malote.loads.limits import SEEN_WHOLE, UNREADABLE
from malote.loads.load_orders import LoadOrders, Target
from malote.loads.load_reports import (
    EntityStatus,
    PriceAnswer,
    Refusal,
    RowDifference,
    Status,
    TillEntity,
)
from malote.loads.load_rollouts import LoadRollouts
from malote.loads.manifests import Manifests, items_of
from malote.loads.planning import Plan, Wanted
from malote.loads.sold_prices import SoldDay, SoldOtherwise, SoldPrices
from malote.loads.staging import Staging
from malote.loads.versions import LoadError
from malote.orders import book
from malote.remembered import Remembered
from malote.tills import clocks
from malote.tills.till import Till, TillError, find_till, list_tills

DECLARED_SECONDS = 5.0  # between two looks at the profile's file
MOST_SHOWN = 1000  # refused rows
ZONE_SECONDS = 30.0  # between two looks at what clock the tills print
FEW_TILLS = 20  # that are looked for one by one


class Loads:
    """Safe for threads."""

    def __init__(self, engine: Engine, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._declared = Remembered[None, Mapping[str, Loaded]](lambda _: self._read_entities(), DECLARED_SECONDS)
        named = ZoneInfo(settings.books.zone) if settings.books.zone else None
        self._zone = Remembered[None, tzinfo | None](lambda _: clocks.store_clock(engine, named), ZONE_SECONDS)
        self.files = FilesMade(engine, settings.loads_path, clock)
        self.orders = LoadOrders(engine, settings.loads, self.store_clock, clock, DamagedFiles(self.files.find, clock))
        self.back = GoingBack(engine, self.orders, clock)
        self.rollouts = LoadRollouts(engine, settings.loads, self.orders.waves, clock)
        self.sold = SoldPrices(engine, clock, self.zone)
        self._manifests = Manifests(engine, self.files)
        connect = partial(open_configured, settings)
        self.staging = Staging(engine, settings.loads, self.entities, connect, named, clock, self.zone)

    def zone(self) -> tzinfo | None:
        """The store's clock, by which loads are planned: of the settings, or the one that most tills print."""
        return self._zone(None)

    def store_clock(self, moment: float) -> str:
        """``HH:MM`` of it."""
        return planning.clock_of(self.zone())(moment)

    def entities(self) -> Mapping[str, Loaded]:
        """What is loaded, by name, as profile and settings have it, give or take some seconds. Raises
        ``ProfileError``."""
        return self._declared(None)

    def _read_entities(self) -> Mapping[str, Loaded]:
        profile = chosen_profile(self._settings)
        path = self._settings.load_sources_path
        sources = profile.load | (declarations.read_sources(path) if path is not None else {})
        return declarations.loaded(sources, str(path or profile.name))

    def troubles(self) -> list[LoadError]:
        """What keeps entities from being read, as was last seen. Raises ``ProfileError`` where no source can be."""
        self._read_entities()
        with reading(self._engine) as connection:
            found = load_status.entities(connection, self._clock())
        return [LoadError(one.code, **one.facts) for one in found if one.code == UNREADABLE]

    # ---- what people do ----

    def order(
        self,
        wanted: Wanted,
        actor: Actor,
        *,
        items: Mapping[str, list[Key]] | None = None,
        plan: Plan | None = None,
        dry_run: bool = False,
    ) -> list[str]:
        """Orders these tills, or all, to have the newest version: names of the tills. ``items``: of these keys alone,
        by entity. ``plan``: whose time has come; nothing is done where another server has done it.

        Raises ``LoadError``: ``load_nothing_yet``, ``load_entity_unknown``, ``load_items_many``; ``TillError``.
        """
        now = self._clock()
        tills = self._tills(wanted.tills)
        with reading(self._engine) as connection:
            version = entity_rows.newest_version(connection)
            target = Target(version, entity_rows.states_at(connection, version))
            chosen = {name: items_of(connection, name, version, keys) for name, keys in (items or {}).items()}
        order = self._payload(target, wanted, chosen)
        if not dry_run:
            in_waves = self._goes_in_waves(wanted, chosen, version)
            with writing(self._engine) as connection:
                if plan is not None and not planning.claim(connection, plan, now):
                    return []
                if in_waves:
                    self.orders.waves.place(connection, wanted, version, actor, tills)
                    return [one.name for one in tills]
                placings = self.back.placings(connection, tills, order)
                book.place(connection, self.orders, placings, who=actor.name, now=now)
                facts: dict[str, str | int | bool] = {"tills": len(tills), "whole": wanted.anew, "items": len(chosen)}
                audit.record(connection, actor, "load_ordered", f"load:{version}", after=facts, now=now)
        return [one.name for one in tills]

    def confirm(self, entity: str, actor: Actor, reason: str = "") -> EntityStatus:
        """Lets through what is held of an entity, as far as it was shown. Raises ``LoadError``: ``load_not_held``;
        ``load_never_empty`` where nothing of it would be left, and it isn't declared that it may be so."""
        now = self._clock()
        with writing(self._engine) as connection:
            held = held_changes.held(connection, entity)
            if held.is_final:
                raise LoadError("load_never_empty", entity=entity)
            held_changes.decide(connection, held, actor, "load_confirmed", reason, now)
            return next(one for one in load_status.entities(connection, now) if one.entity == entity)

    def refuse(self, entity: str, actor: Actor, reason: str) -> None:
        """Says that what is held isn't meant: it stays held, also where somebody had confirmed it. Raises
        ``LoadError`` ``load_not_held``."""
        with writing(self._engine) as connection:
            held = held_changes.held(connection, entity)
            held_changes.decide(connection, held, actor, "load_hold_refused", reason, self._clock())

    def plan(self, cron: str, wanted: Wanted, actor: Actor) -> int:
        """A load at times of its own: its number. Raises as ``Staging.chosen`` and ``next_time``; ``TillError``."""
        now, zone = self._clock(), self.zone()
        self._tills(wanted.tills)
        self.staging.chosen(wanted.entities or None)
        with writing(self._engine) as connection:
            new = planning.add(connection, cron, wanted, who=actor.name, now=now, zone=zone)
            said: dict[str, str | bool | list[str]] = {"cron": cron, "tills": wanted.tills, "whole": wanted.anew}
            audit.record(connection, actor, "load_planned", f"load_plan:{new}", after=said, now=now)
        return new

    def unplan(self, plan_id: int, actor: Actor) -> None:
        """Raises ``LoadError`` ``load_plan_unknown``."""
        with writing(self._engine) as connection:
            planning.remove(connection, plan_id)
            audit.record(connection, actor, "load_plan_removed", f"load_plan:{plan_id}", now=self._clock())

    # ---- what people see ----

    def status(self, tills: Sequence[str] = ()) -> Status:
        """Raises ``TillError``."""
        chosen = self._tills(list(tills))
        stalled, now = self._settings.loads.stalled_minutes * 60, self._clock()
        with reading(self._engine) as connection:
            version = entity_rows.newest_version(connection)
            row = connection.execute(select(load_version).where(load_version.c.id == version)).one_or_none()
            return Status(
                version,
                row.made_at if row else None,
                bool(row and row.emergency),
                load_status.entities(connection, now),
                load_status.tills(connection, chosen, now, stalled),
            )

    def held_changes(self, entity: str) -> HeldChanges:
        """What an entity that is held would become, read from the ERP now. Raises ``LoadError``: ``load_not_held``;
        as ``stage`` does."""
        with reading(self._engine) as connection:
            query = select(load_hold.c.code).where(load_hold.c.entity == entity)
            code = connection.execute(query).scalar_one_or_none()
        if code is None:
            raise LoadError("load_not_held", entity=entity)
        with self.staging.compared(entity, whole=code in SEEN_WHOLE) as found:
            return held_changes.found(self._engine, found, self._clock())

    def till_entities(self, till: str) -> list[TillEntity]:
        """Raises ``TillError``."""
        found = find_till(self._engine, till)
        with reading(self._engine) as connection:
            return load_status.entities_of(connection, found)

    def refused(self, entity: str | None = None, limit: int = MOST_SHOWN) -> list[Refusal]:
        """Raises ``LoadError`` ``load_entity_unknown``."""
        declared: Mapping[str, Loaded] = {}
        with suppress(ProfileError):  # what was refused stands there, whatever the profile says by now
            declared = self.entities()
        with reading(self._engine) as connection:
            load_status.expect(connection, entity)
            return load_status.refusals(connection, entity, limit, declared)

    def plans(self) -> list[Plan]:
        zone = self.zone()
        with reading(self._engine) as connection:
            return planning.plans(connection, zone)

    def compare_at(self) -> float | None:
        """When all rows are compared next; None: never by itself. Raises ``LoadError`` ``load_cron_invalid``."""
        cron = self._settings.loads.compare
        return planning.next_time(cron, self._clock(), self.zone()) if cron else None

    def price(self, product: str, *, till: str = "", at: float | None = None) -> PriceAnswer:
        """Which price the product had at a till, or in the newest version; now, or then. Raises ``TillError``."""
        moment = self._clock() if at is None else at
        chosen = find_till(self._engine, till) if till else None
        with reading(self._engine) as connection:
            if chosen is None:
                version, applied = entity_rows.version_made_by(connection, moment), None
                chosen_rows = price_history.NONE_CHOSEN
            else:
                held = tills_held.at(connection, chosen.id, moment)
                version = held.version_of("price") if held is not None else 0
                applied = held.applied_at if held is not None else None
                chosen_rows = held.chosen.get("price", {}) if held is not None else price_history.NONE_CHOSEN
            found = price_history.prices(connection, product, version, moment, chosen_rows) if version else []
            is_kept = not version or entity_rows.state_of(connection, "price", version) is not None
        return PriceAnswer(product, chosen.name if chosen else "", moment, version, applied, found, is_kept)

    def sales(self, till: str = "", limit: int = MOST_SHOWN) -> tuple[list[SoldDay], list[SoldOtherwise]]:
        """How many sold lines were compared with their till's list, by till and day; and what differed. Raises
        ``TillError``."""
        chosen = find_till(self._engine, till).id if till else None
        names = {one.id: one.name for one in list_tills(self._engine)}
        with reading(self._engine) as connection:
            return (
                sold_prices.days(connection, names, chosen, limit),
                sold_prices.lines(connection, names, chosen, limit),
            )

    def diff(self, before: int, after: int, entity: str | None = None) -> Iterator[RowDifference]:
        """What differs between two versions, by entity and key. Raises ``LoadError``: ``load_version_unknown``,
        ``load_entity_unknown``."""
        with reading(self._engine) as connection:
            newest = entity_rows.newest_version(connection)
            load_status.expect(connection, entity)
        for version in (before, after):
            if not 0 <= version <= newest:
                raise LoadError("load_version_unknown", version=str(version), newest=str(newest))
        return published_rows.differences(self._engine, before, after, entity)

    # ---- what tills ask ----

    def manifest(self, till: Till, query: ManifestQuery) -> Manifest:
        """Raises ``LoadError`` ``load_order_over``; ``OSError``."""
        return self._manifests.manifest(till.id, query)

    # ---- what is done by itself ----

    def sweep(self) -> int:
        """Files that no till asks for, and history beyond its retention. How much went."""
        now = self._clock()
        kept = self._settings.retention.posted_days * 86_400
        gone = forgetting.forget(self._engine, now - kept)
        return gone + self.files.sweep(now - self._settings.loads.file_days * 86_400)

    def _goes_in_waves(self, wanted: Wanted, items: Mapping[str, list[LoadItem]], version: int) -> bool:
        """What is for all; not an emergency, nor what somebody asks for a till or of an item."""
        if not self._settings.loads.waves or wanted.tills or items:
            return False
        with reading(self._engine) as connection:
            return not entity_rows.is_emergency(connection, version - 1)

    def _tills(self, names: Sequence[str]) -> list[Till]:
        if 0 < len(names) <= FEW_TILLS:
            return [find_till(self._engine, name) for name in dict.fromkeys(names)]
        every = list_tills(self._engine)
        if not names:
            return [one for one in every if one.disabled_at is None]
        known = {one.name.lower(): one for one in every}
        for name in names:
            if name.lower() not in known:
                raise TillError("till_unknown", name)
        return [known[name] for name in dict.fromkeys(name.lower() for name in names)]

    def _payload(self, target: Target, wanted: Wanted, items: dict[str, list[LoadItem]]) -> LoadOrder:
        if not target.version:
            raise LoadError("load_nothing_yet")
        for name in wanted.entities:
            if name not in target.entities:
                raise LoadError("load_entity_unknown", entity=name, known=", ".join(sorted(target.entities)))
        if sum(len(some) for some in items.values()) > MOST_ITEMS:
            raise LoadError("load_items_many", most=str(MOST_ITEMS))
        states = target.order().entities
        chosen = {} if items else {name: states[name] for name in wanted.entities or states}
        return LoadOrder(target.version, chosen, wanted.anew, items)
