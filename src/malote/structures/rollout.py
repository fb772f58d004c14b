"""The tills' structure goes out in waves: ordered by a person, stopped by a failure. What tills are told of it:
``structure_orders``."""

import time
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Engine, func, select

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.config import StructuresSettings
from malote.database.engine import reading, writing
from malote.database.structure_tables import till_structure
from malote.database.tables import till as tills
from malote.orders.rollout_reports import Rollout, RolloutTill
from malote.orders.waves import waves
from malote.schema.definition import Structure, StructureError, encode, fingerprint
from malote.schema.structure_reports import ReportedStructure
from malote.structures import rollout_rows
from malote.structures.rollout_rows import ROWS, Published
from malote.tills.till import find_till
from malote.trust.signing_key import SigningKey


class Rollouts:
    """Safe for threads. Every method raises ``StoreError``."""

    def __init__(
        self,
        engine: Engine,
        settings: StructuresSettings,
        key: SigningKey,
        declared: Callable[[], Structure],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``declared`` says what tills should have now."""
        self._engine = engine
        self._settings = settings
        self._key = key
        self._declared = declared
        self._clock = clock

    # ---- what people do ----

    def start(self, names: Sequence[str] | None, actor: Actor, *, dry_run: bool) -> Rollout:
        """Raises ``TillError``; ``StructureError`` ``rollout_no_tills``."""
        for name in names or ():
            find_till(self._engine, name)
        now, structure = self._clock(), self._declared()
        with reading(self._engine) as connection:
            chosen = rollout_rows.candidates(connection, names, self._heard_since())
        if not chosen:
            raise StructureError("rollout_no_tills")
        parted = waves(chosen, self._settings.canary_tills, self._settings.second_wave_percent)
        if dry_run:
            return Rollout(
                id=0,
                version=structure.version,
                asked_by=actor.name,
                asked_at=now,
                everyone=names is None,
                state="running",
                wave=1,
                waves=max(parted.values()),
                counts={"pending": len(chosen)},
                finished_at=None,
            )
        with writing(self._engine) as connection:
            new = rollout_rows.place(
                connection, self._published(structure), parted, who=actor.name, everyone=names is None, now=now
            )
            after = {"tills": len(chosen), "version": structure.version}
            audit.record(connection, actor, "rollout_started", f"rollout:{new}", after=after, now=now)
            return self._found(connection, new)

    def cancel(self, rollout_id: int, actor: Actor, reason: str) -> Rollout:
        """Raises ``StructureError``: ``rollout_unknown``, ``rollout_over``."""
        now = self._clock()
        with writing(self._engine) as connection:
            self._expect(connection, rollout_id, "running", "stopped")
            ROWS.end(connection, rollout_id, "cancelled", now)
            on = f"rollout:{rollout_id}"
            audit.record(connection, actor, "rollout_cancelled", on, reason=reason, now=now)
            return self._found(connection, rollout_id)

    def resume(self, rollout_id: int, actor: Actor) -> Rollout:
        """Raises as ``cancel`` does."""
        with writing(self._engine) as connection:
            self._expect(connection, rollout_id, "stopped", "cancelled")
            newest = ROWS.find(connection, None)
            if newest is not None and newest.id != rollout_id:
                raise StructureError("rollout_over", rollout=str(rollout_id), state="replaced")
            rollout_rows.again(connection, rollout_id, self._clock())
            audit.record(connection, actor, "rollout_resumed", f"rollout:{rollout_id}", now=self._clock())
            return self._found(connection, rollout_id)

    def find(self, rollout_id: int | None) -> Rollout | None:
        with reading(self._engine) as connection:
            return ROWS.find(connection, rollout_id)

    def tills_of(self, rollout_id: int, name: str | None = None) -> list[RolloutTill]:
        with reading(self._engine) as connection:
            return ROWS.tills_of(connection, rollout_id, self._heard_since(), name)

    def pulse_of_tills(self) -> str:
        """Changes with who is enabled, with what each has, and what is wanted: a row per version that they have."""
        has, mine = till_structure.c, tills.c.id
        query = (
            # Sum and squares tell which tills these are, as well as how many.
            select(has.version, has.sha256, func.count(), func.sum(mine), func.sum(mine * mine))
            .select_from(tills.outerjoin(till_structure, has.till_id == mine))
            .where(tills.c.disabled_at.is_(None))
            .group_by(has.version, has.sha256)
            .order_by(has.version, has.sha256)
        )
        with reading(self._engine) as connection:
            return repr((fingerprint(self._declared()), connection.execute(query).all()))

    def structures_of_tills(self, names: Sequence[str] | None = None) -> list[ReportedStructure]:
        """Every enabled till by name, or those of ``names``."""
        wanted = self._declared()
        sha256 = fingerprint(wanted)
        query = (
            select(tills.c.name, till_structure.c.version, till_structure.c.sha256, till_structure.c.said_at)
            .select_from(tills.outerjoin(till_structure, till_structure.c.till_id == tills.c.id))
            .where(tills.c.disabled_at.is_(None))
            .order_by(tills.c.name_key)
        )
        if names is not None:
            query = query.where(tills.c.name_key.in_([name.lower() for name in names]))
        with reading(self._engine) as connection:
            return [
                ReportedStructure(
                    row.name,
                    row.version,
                    wanted.version,
                    None if row.said_at is None else row.sha256 == sha256 or row.version > wanted.version,
                    row.said_at,
                )
                for row in connection.execute(query)
            ]

    # ---- shared ----

    def _published(self, structure: Structure) -> Published:
        content = encode(structure)
        return Published(structure.version, content.decode(), fingerprint(structure), self._key.sign(content))

    def _expect(self, connection: Connection, rollout_id: int, *states: str) -> None:
        row = rollout_rows.lock(connection, rollout_id)
        if row is None:
            raise StructureError("rollout_unknown", rollout=str(rollout_id))
        if row.state not in states:
            raise StructureError("rollout_over", rollout=str(rollout_id), state=row.state)

    def _found(self, connection: Connection, rollout_id: int) -> Rollout:
        found = ROWS.find(connection, rollout_id)
        if found is None:
            raise StructureError("rollout_unknown", rollout=str(rollout_id))
        return found

    def _heard_since(self) -> float:
        return self._clock() - self._settings.offline_minutes * 60
