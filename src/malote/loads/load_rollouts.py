"""Roll-outs of loads as people order, see, approve and stop them. What tills' word does to them: ``load_waves``."""

from collections.abc import Callable

from sqlalchemy import Connection, Engine

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.config import LoadsSettings
from malote.database.engine import reading, writing
from malote.loads import entity_rows, wave_rows
from malote.loads.load_waves import LoadWaves
from malote.loads.planning import Wanted
from malote.loads.versions import LoadError
from malote.loads.wave_rows import ROWS, LoadRollout
from malote.orders.rollout_reports import Rollout, RolloutTill
from malote.orders.waves import WAVES
from malote.tills.till import find_till, list_tills


class LoadRollouts:
    """Safe for threads. Every method raises ``StoreError``."""

    def __init__(self, engine: Engine, settings: LoadsSettings, waves: LoadWaves, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._settings = settings
        self._waves = waves
        self._clock = clock

    def start(self, wanted: Wanted, actor: Actor, *, dry_run: bool = False) -> Rollout:
        """The newest version to these tills, or to all and those created later, wave by wave.

        Raises ``TillError``; ``LoadError``: ``load_nothing_yet``, ``load_entity_unknown``, ``rollout_no_tills``.
        """
        chosen = [find_till(self._engine, name) for name in dict.fromkeys(wanted.tills)] or list_tills(self._engine)
        with reading(self._engine) as connection:
            version = entity_rows.newest_version(connection)
            known = entity_rows.states_at(connection, version)
            parted = self._waves.parted(connection, chosen)
        if not version:
            raise LoadError("load_nothing_yet")
        for name in wanted.entities:
            if name not in known:
                raise LoadError("load_entity_unknown", entity=name, known=", ".join(sorted(known)))
        if not parted:
            raise LoadError("rollout_no_tills")
        if dry_run:
            return Rollout(
                id=0,
                version=version,
                asked_by=actor.name,
                asked_at=self._clock(),
                everyone=not wanted.tills,
                state="running",
                wave=1,
                waves=max(parted.values()),
                counts={"pending": len(parted)},
                finished_at=None,
            )
        with writing(self._engine) as connection:
            return self._found(connection, self._waves.place(connection, wanted, version, actor, chosen))

    def approve(self, rollout_id: int, actor: Actor, reason: str = "") -> Rollout:
        """Lets through the next wave, or, after the canary, all (``loads.approval``). Raises ``LoadError``:
        ``rollout_unknown``, ``rollout_over``, ``rollout_unready``."""
        with writing(self._engine) as connection:
            row = self._expect(connection, rollout_id, "running")
            if row.approved >= WAVES or self._waves.ready_wave(connection, row) <= row.approved:
                raise LoadError("rollout_unready", rollout=str(rollout_id), wave=str(row.wave))
            upto = row.approved + 1 if self._settings.approval == "each" else WAVES
            ROWS.set(connection, rollout_id, approved=upto)
            self._waves.advance(connection, rollout_id)
            self._record(connection, actor, "load_rollout_approved", rollout_id, reason)
            return self._found(connection, rollout_id)

    def cancel(self, rollout_id: int, actor: Actor, reason: str = "") -> Rollout:
        """Raises ``LoadError``: ``rollout_unknown``, ``rollout_over``."""
        with writing(self._engine) as connection:
            self._expect(connection, rollout_id, "running", "stopped")
            ROWS.end(connection, rollout_id, "cancelled", self._clock())
            self._record(connection, actor, "load_rollout_cancelled", rollout_id, reason)
            return self._found(connection, rollout_id)

    def resume(self, rollout_id: int, actor: Actor) -> Rollout:
        """Raises as ``cancel`` does."""
        with writing(self._engine) as connection:
            self._expect(connection, rollout_id, "stopped", "cancelled")
            ROWS.again(connection, rollout_id, {})
            self._record(connection, actor, "load_rollout_resumed", rollout_id)
            return self._found(connection, rollout_id)

    def find(self, rollout_id: int | None = None) -> Rollout | None:
        """The newest where ``rollout_id`` is None."""
        with reading(self._engine) as connection:
            return ROWS.find(connection, rollout_id)

    def tills_of(self, rollout_id: int) -> list[RolloutTill]:
        with reading(self._engine) as connection:
            return ROWS.tills_of(connection, rollout_id, self._waves.heard_since())

    def waiting(self) -> dict[str, int]:
        """The tills that wait for their wave of the newest, by name: which wave that is."""
        with reading(self._engine) as connection:
            row = wave_rows.newest(connection)
            if row is None or row.state not in ("running", "stopped"):
                return {}
            waves = wave_rows.waiting(connection, row.id, row.wave)
        return {one.name: waves[one.id] for one in list_tills(self._engine) if one.id in waves} if waves else {}

    def waits_for_approval(self) -> bool:
        """Whether the newest could open its next wave, and nobody has let it through."""
        with reading(self._engine) as connection:
            row = wave_rows.newest(connection)
            if row is None or row.state != "running" or row.approved >= WAVES:
                return False
            return self._waves.ready_wave(connection, row) > row.approved

    # ---- shared ----

    def _expect(self, connection: Connection, rollout_id: int, *states: str) -> LoadRollout:
        """The newest, locked; an earlier one is over."""
        row = wave_rows.newest(connection, locked=True)
        if row is None or rollout_id > row.id or ROWS.find(connection, rollout_id) is None:
            raise LoadError("rollout_unknown", rollout=str(rollout_id))
        if row.id != rollout_id or row.state not in states:
            state = row.state if row.id == rollout_id else "replaced"
            raise LoadError("rollout_over", rollout=str(rollout_id), state=state)
        return row

    def _record(self, connection: Connection, actor: Actor, what: str, rollout_id: int, reason: str = "") -> None:
        audit.record(connection, actor, what, f"load_rollout:{rollout_id}", reason=reason, now=self._clock())

    def _found(self, connection: Connection, rollout_id: int) -> Rollout:
        found = ROWS.find(connection, rollout_id)
        if found is None:
            raise LoadError("rollout_unknown", rollout=str(rollout_id))
        return found
