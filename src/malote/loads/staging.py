"""One look at the ERP: each entity is read and compared, and all that may change makes one version.

Nothing is written before everything was read; an ERP that goes away meanwhile leaves the version of before. An entity
that can't be read, or must be confirmed, holds back none of the others.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import tzinfo

import msgspec
from sqlalchemy import Engine, select, update

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.config import LoadsSettings
from malote.database.engine import reading, writing
from malote.database.load_tables import load_hold, load_version
from malote.erp.connecting import classified
from malote.erp.protocol import Erp, ErpError
from malote.loads import entity_rows, shelf_first, versions, watermarks
from malote.loads.comparing import Counts, EntityComparison
from malote.loads.declarations import Loaded
from malote.loads.entity_rows import StoredEntity
from malote.loads.erp_rows import ErpRows
from malote.loads.limits import UNDECLARED, UNREADABLE, EntityHold, hold_of
from malote.loads.price_history import spelt
from malote.loads.shelf_first import Rises
from malote.loads.versions import EntityChange, LoadError

NOTED_SECONDS = 30.0  # between two notes that an entity was looked at, where nothing of it changed
_OF_ITS_TABLE = frozenset({"erp_privilege", "erp_damaged"})  # of one entity: the others go on
_TRIES = 3  # where another process made a version meanwhile

Progress = Callable[[str, int, int], None]  # an entity, and which of how many


class EntityReport(msgspec.Struct, frozen=True):
    """``code``: why it isn't in the version; "": it is, or nothing of it differs."""

    entity: str
    whole: bool  # all of its rows were read
    read: int = 0
    rows: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0
    refused: int = 0
    put_off: int = 0  # of prices that rise: valid later, since they go up on the shelf first
    code: str = ""
    facts: dict[str, str] = {}


class StagingReport(msgspec.Struct, frozen=True):
    """``version``: the newest; ``made``: whether it is of this run, or, of a dry run, would be."""

    version: int
    made: bool
    seconds: float
    entities: list[EntityReport]


class Staging:
    """Safe for threads; raises ``StoreError`` besides what is said."""

    def __init__(
        self,
        engine: Engine,
        settings: LoadsSettings,
        entities: Callable[[], Mapping[str, Loaded]],
        connect: Callable[[], Erp],
        zone: tzinfo | None,
        clock: Callable[[], float] = time.time,
        store_zone: Callable[[], tzinfo | None] = lambda: None,
    ) -> None:
        """``entities``: as the profile has them now; may raise ``ProfileError``. ``zone``: of the ERP's times;
        ``store_zone``: of the clock that the store opens by."""
        self._engine = engine
        self._settings = settings
        self._entities = entities
        self._connect = connect
        self._zone = zone
        self._store_zone = store_zone
        self._clock = clock

    def run(
        self,
        actor: Actor,
        *,
        names: Collection[str] | None = None,
        whole: bool = False,
        emergency: bool = False,
        urgent: Collection[str] = (),
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> StagingReport:
        """Reads these entities, or all. ``whole``: compares all rows, not only those that changed. ``emergency``: marks
        the version (where nothing changed since, the newest), and no price of it waits for the shelf; of products of
        ``urgent`` alone, where any are named.

        Raises ``LoadError``: ``load_entity_unknown``, ``load_no_sources``, ``load_meanwhile``; ``ErpError`` where the
        ERP is away: nothing is changed then. ``ProfileError``.
        """
        began = time.monotonic()
        chosen = self.chosen(names)
        if not dry_run:
            self.tell_undeclared()
        for left in reversed(range(_TRIES)):
            with ExitStack() as stack:
                rises = self._rises(emergency, urgent)
                version, changes, failed = self._compared(chosen, whole, rises, stack, progress)
                if dry_run:
                    made = any(one.hold is None and one.differs for one in changes)
                    return self._report(version, made, began, changes, failed)
                try:
                    new = self._make(changes, failed, version, actor, emergency=emergency)
                except LoadError:
                    if not left:
                        raise
                    continue
                if emergency and new == version and not urgent:
                    self._mark_emergency(version, actor)
                return self._report(new, new != version, began, changes, failed)
        raise AssertionError

    def tell_undeclared(self) -> None:
        """Of entities that were loaded once and that the profile no longer has."""
        declared = self._entities()
        with reading(self._engine) as connection:
            told = set(connection.scalars(select(load_hold.c.entity).where(load_hold.c.code == UNDECLARED)))
            gone = entity_rows.in_force(connection).keys() - set(declared)
        if gone != told:
            with writing(self._engine) as connection:
                versions.note_undeclared(connection, declared, self._clock())

    @contextmanager
    def compared(self, name: str, *, whole: bool) -> Iterator[EntityChange | EntityHold]:
        """An entity as ``run`` would find it now, of which nothing is made; why it can't be read. Raises as that."""
        with ExitStack() as stack:
            _, changes, failed = self._compared(self.chosen([name]), whole, self._rises(), stack, None)
            yield changes[0] if changes else failed[name]

    def opens(self, names: Collection[str]) -> set[str]:
        """Those that the ERP has, as it says without giving a row. Raises ``ErpError`` where it is away;
        ``ProfileError``."""
        found, erp = set(), self._connect()
        try:
            for name, loaded in self._entities().items():
                if name in names:
                    rows = ErpRows(loaded, self._settings.parameters, self._zone)
                    with suppress(ErpError), classified(loaded.source.table), erp.read_only() as connection:
                        rows.open(connection)
                        found.add(name)
        finally:
            erp.close()
        return found

    def signs(self, names: Collection[str]) -> dict[str, object]:
        """Of those of these entities that say what changed, what is another with each of their changes since they were
        loaded. Raises ``ErpError`` where the ERP is away; ``ProfileError``."""
        with reading(self._engine) as connection:
            before = entity_rows.in_force(connection)
        found: dict[str, object] = {}
        erp = self._connect()
        try:
            for name, loaded in self._entities().items():
                known = before.get(name)
                if name not in names or known is None or known.entity != loaded.entity or known.since is None:
                    continue
                rows = ErpRows(loaded, self._settings.parameters, self._zone)
                with suppress(ErpError), classified(loaded.source.table), erp.read_only() as connected:
                    found[name] = rows.sign(connected, known.since)
        finally:
            erp.close()
        return found

    def chosen(self, names: Collection[str] | None) -> list[Loaded]:
        """These, or all. Raises ``LoadError``: ``load_entity_unknown``, ``load_no_sources``; ``ProfileError``."""
        entities = self._entities()
        if not entities:
            raise LoadError("load_no_sources")
        for name in names or ():
            if name not in entities:
                raise LoadError("load_entity_unknown", entity=name, known=", ".join(entities))
        return [one for name, one in entities.items() if names is None or name in names]

    def _compared(
        self,
        chosen: Sequence[Loaded],
        whole: bool,
        rises: Rises,
        stack: ExitStack,
        progress: Progress | None,
    ) -> tuple[int, list[EntityChange], dict[str, EntityHold]]:
        with reading(self._engine) as connection:
            version = entity_rows.newest_version(connection)
            before = entity_rows.in_force(connection)
            confirmed = {
                row.entity: (row.gone, row.changed)
                for row in connection.execute(select(load_hold).where(load_hold.c.confirmed_by != ""))
            }
        erp = self._connect()
        stack.callback(erp.close)
        changes, failed = [], {}
        for place, loaded in enumerate(chosen):
            name = loaded.entity.name
            if progress is not None:
                progress(name, place, len(chosen))
            try:
                changes.append(self._change(erp, loaded, before.get(name), confirmed.get(name), whole, rises, stack))
            except ErpError as error:
                if error.transient and error.code not in _OF_ITS_TABLE:
                    raise
                failed[name] = EntityHold(UNREADABLE, {"entity": name, "detail": error.detail[:300]})
        return version, changes, failed

    def _change(
        self,
        erp: Erp,
        loaded: Loaded,
        before: StoredEntity | None,
        confirmed: tuple[int, int] | None,
        whole: bool,
        rises: Rises,
        stack: ExitStack,
    ) -> EntityChange:
        same = before is not None and before.entity == loaded.entity
        now = self._clock()
        rows = ErpRows(loaded, self._settings.parameters, self._zone, now)
        since = before.since if same and before is not None and loaded.source.changed and not whole else None
        if since is not None and watermarks.is_ahead(since, now):
            since = None
        held = before.state.rows if before is not None else 0
        comparison = EntityComparison(
            loaded,
            rows,
            entity_id=before.id if same and before is not None else None,
            held=held if same else 0,
            whole=since is None,
        )
        stack.callback(comparison.close)
        refuses = self._settings.event_conflicts == "refuse"
        with classified(loaded.source.table), erp.read_only() as connection:
            comparison.compare(self._engine, connection, since, spelt(now) if refuses else None, rises)
        counts = comparison.counts()
        judged = comparison.judged()
        if not same:
            judged = msgspec.structs.replace(counts, held=held, gone=max(0, held - counts.new), new=0)
        is_empty = not (loaded.may_be_empty or (counts.rows if same else counts.new))
        hold = hold_of(loaded.entity.name, judged, self._settings, is_empty=is_empty)
        if hold is not None and _is_let_through(hold, confirmed):
            hold = None
        return EntityChange(comparison, counts, before if same else None, hold)

    def _rises(self, emergency: bool = False, urgent: Collection[str] = ()) -> Rises:
        now = self._clock()
        waits = not emergency or urgent
        at = shelf_first.moment(self._settings, now, self._store_zone()) if waits else None
        return Rises(spelt(now), None if at is None else spelt(at), frozenset(urgent))

    def _make(
        self,
        changes: Sequence[EntityChange],
        failed: Mapping[str, EntityHold],
        version: int,
        actor: Actor,
        *,
        emergency: bool,
    ) -> int:
        now = self._clock()
        if not failed and self._is_no_news(changes, now):
            return version
        with writing(self._engine) as connection:
            new = versions.make(connection, changes, version, who=actor.name, emergency=emergency, now=now)
            for name, hold in failed.items():
                versions.note_hold(connection, name, hold, now)
            if new != version and actor.name != "system":
                audit.record(connection, actor, "load_made", f"load:{new}", after={"emergency": emergency}, now=now)
        return new

    def _mark_emergency(self, version: int, actor: Actor) -> None:
        """The look of a moment ago, which nobody marked, had what the person calls an emergency."""
        now = self._clock()
        with writing(self._engine) as connection:
            mine = (load_version.c.id == version) & ~load_version.c.emergency
            if connection.execute(update(load_version).where(mine).values(emergency=True)).rowcount:
                audit.record(connection, actor, "load_made", f"load:{version}", after={"emergency": True}, now=now)

    def _is_no_news(self, changes: Sequence[EntityChange], now: float) -> bool:
        """Whether this look need not be noted: the sales' database isn't written to every few seconds for it."""
        if not all(_says_nothing(one, now) for one in changes):
            return False
        names = [one.comparison.loaded.entity.name for one in changes]
        with reading(self._engine) as connection:
            return not versions.noted_of(connection, names)

    def _report(
        self, version: int, made: bool, began: float, changes: Sequence[EntityChange], failed: Mapping[str, EntityHold]
    ) -> StagingReport:
        found = [_told(one) for one in changes]
        found += [EntityReport(name, False, code=hold.code, facts=hold.facts) for name, hold in failed.items()]
        return StagingReport(version, made, round(time.monotonic() - began, 3), found)


def _says_nothing(change: EntityChange, now: float) -> bool:
    """Of a look at what changed: nothing did, and it was noted a moment ago that it was looked at."""
    before, mark = change.before, change.comparison.watermark
    if before is None or change.differs or change.hold is not None or change.counts.refused:
        return False
    if change.comparison.whole or mark not in (None, before.since):
        return False
    return before.looked_at is not None and 0 <= now - before.looked_at < NOTED_SECONDS


def _is_let_through(hold: EntityHold, confirmed: tuple[int, int] | None) -> bool:
    """Whether a person confirmed as much: rows that go, and that change."""
    if confirmed is None or hold.is_final:
        return False
    gone, changed = confirmed
    return hold.gone <= gone and hold.changed <= changed


def _told(change: EntityChange) -> EntityReport:
    counts: Counts = change.comparison.judged()
    return EntityReport(
        change.comparison.loaded.entity.name,
        change.comparison.whole,
        counts.read,
        change.counts.rows,
        counts.new,
        counts.changed,
        counts.gone,
        counts.refused,
        change.comparison.put_off,
        change.hold.code if change.hold else "",
        change.hold.facts if change.hold else {},
    )
