"""The tills' structure goes out in waves: ordered by a person, told to tills in contacts, stopped by a failure."""

import time
from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy import Connection, Engine, select

from malote import rejection, wire
from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.config import StructuresSettings
from malote.database.engine import reading, writing
from malote.database.structure_tables import till_structure
from malote.database.tables import till as tills
from malote.schema.definition import Structure, StructureError, encode, fingerprint
from malote.schema.structure_reports import Rollout, RolloutTill, TillStructure
from malote.structures import rollouts
from malote.structures.rollouts import Published, StandingOrder
from malote.structures.waves import is_over, open_wave, waves
from malote.tills.till import Till, find_till
from malote.trust.keys import SigningKey

SAID_SECONDS = 60.0  # between two notes of the same words of a till
LOOK_SECONDS = 1.0  # between two looks whether the next wave may open
_MOST_FACTS = 20  # of a failed till, and the characters of each
_LONGEST_FACT = 300


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
        self._looked_at = float("-inf")

    @property
    def public_key(self) -> str:
        """In hex."""
        return self._key.public

    # ---- what people do ----

    def start(self, names: Sequence[str] | None, actor: Actor, *, dry_run: bool) -> Rollout:
        """Raises ``TillError``; ``StructureError`` ``rollout_no_tills``."""
        for name in names or ():
            find_till(self._engine, name)
        now, structure = self._clock(), self._declared()
        with reading(self._engine) as connection:
            chosen = rollouts.candidates(connection, names, self._heard_since())
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
            new = rollouts.place(
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
            rollouts.end(connection, rollout_id, "cancelled", now)
            on = f"rollout:{rollout_id}"
            audit.record(connection, actor, "rollout_cancelled", on, reason=reason, now=now)
            return self._found(connection, rollout_id)

    def resume(self, rollout_id: int, actor: Actor) -> Rollout:
        """Raises as ``cancel`` does."""
        with writing(self._engine) as connection:
            self._expect(connection, rollout_id, "stopped", "cancelled")
            newest = rollouts.find(connection, None)
            if newest is not None and newest.id != rollout_id:
                raise StructureError("rollout_over", rollout=str(rollout_id), state="replaced")
            rollouts.again(connection, rollout_id, self._clock())
            audit.record(connection, actor, "rollout_resumed", f"rollout:{rollout_id}", now=self._clock())
            return self._found(connection, rollout_id)

    def find(self, rollout_id: int | None) -> Rollout | None:
        with reading(self._engine) as connection:
            return rollouts.find(connection, rollout_id)

    def tills_of(self, rollout_id: int, name: str | None = None) -> list[RolloutTill]:
        with reading(self._engine) as connection:
            return rollouts.tills_of(connection, rollout_id, self._heard_since(), name)

    def structures_of_tills(self, names: Sequence[str] | None = None) -> list[TillStructure]:
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
                TillStructure(
                    row.name,
                    row.version,
                    wanted.version,
                    None if row.said_at is None else row.sha256 == sha256 or row.version > wanted.version,
                    row.said_at,
                )
                for row in connection.execute(query)
            ]

    # ---- what tills say and are told ----

    def due(self, till: Till, said: wire.TillStructure | None) -> wire.StructureOrder | None:
        """The order that the till must be told now, once what it said is noted."""
        if said is None:
            return None
        now = self._clock()
        with reading(self._engine) as connection:
            told = rollouts.standing_order(connection, till.id)
            noted = connection.execute(select(till_structure).where(till_structure.c.till_id == till.id)).one_or_none()
            news = noted is None or (noted.version, noted.sha256) != (said.version, said.sha256)
            if not news and noted is not None and noted.said_at >= now - SAID_SECONDS and not _moves(said, told):
                is_told = told is not None and told.state == "offered" and told.running and told.open
                return self._order(connection, till, told.rollout_id) if told is not None and is_told else None
        if told is not None and not news and self._waits(told):
            return None
        with writing(self._engine) as connection:
            rollouts.remember(connection, till.id, said, now)
            return None if told is None else self._answer(connection, till, said, told)

    def _waits(self, told: StandingOrder) -> bool:
        """Whether it is too early to look again whether a till's wave may open: many tills ask at once."""
        if told.state != "pending" or told.open:
            return False
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return True
        self._looked_at = now
        return False

    def _answer(
        self, connection: Connection, till: Till, said: wire.TillStructure, told: StandingOrder
    ) -> wire.StructureOrder | None:
        now = self._clock()
        rollouts.lock(connection, told.rollout_id)
        if not rollouts.is_in(connection, told.rollout_id, till.id):
            rollouts.join(connection, told.rollout_id, till.id)
        # Read again: another process may have moved it since.
        current = rollouts.standing_order(connection, till.id)
        if current is None or current.rollout_id != told.rollout_id:
            return None
        if current.state != "done" and self._report(connection, till, said, current):
            self._advance(connection, current.rollout_id, now)
            return None
        if current.state not in ("pending", "offered") or not current.running:
            return None
        if not current.open:
            self._advance(connection, current.rollout_id, now)
            current = rollouts.standing_order(connection, till.id)
            if current is None or not current.open:
                return None
        if current.state == "pending":
            rollouts.mark(connection, current.rollout_id, till.id, state="offered", offered_at=now)
        return self._order(connection, till, current.rollout_id)

    def _order(self, connection: Connection, till: Till, rollout_id: int) -> wire.StructureOrder:
        """For this till alone: no other, and no later time, can be given it as an order of the server."""
        order = rollouts.order(connection, rollout_id)
        return msgspec.structs.replace(order, binding=self._key.sign(wire.order_statement(till.id, order)))

    def _report(self, connection: Connection, till: Till, said: wire.TillStructure, told: StandingOrder) -> bool:
        """Notes what the till says of the order. Whether it said anything."""
        now = self._clock()
        if said.sha256 == told.sha256 or (said.order == told.number and said.done):
            seconds = said.seconds if said.order == told.number else None
            rollouts.mark(
                connection,
                told.rollout_id,
                till.id,
                state="done",
                reported_at=now,
                seconds=seconds,
                **rollouts.UNSAID,
            )
            return True
        if said.order != told.number or told.state == "failed":
            return False
        code = said.code if said.code in rejection.catalogue() else "unknown_reason"
        facts = {name[:40]: value[:_LONGEST_FACT] for name, value in list(said.facts.items())[:_MOST_FACTS]}
        if code == "unknown_reason":
            facts["code"] = said.code[:40]
        rollouts.mark(
            connection,
            told.rollout_id,
            till.id,
            state="failed",
            reported_at=now,
            seconds=said.seconds,
            code=code,
            facts=msgspec.json.encode(facts).decode(),
        )
        rollouts.stop(connection, told.rollout_id, code, till.name)
        return True

    def _advance(self, connection: Connection, rollout_id: int, now: float) -> None:
        """Opens the next wave, or notes the end."""
        row = rollouts.lock(connection, rollout_id)
        if row.state != "running":
            return
        standings = rollouts.standings(connection, rollout_id, self._heard_since())
        if is_over(standings):
            rollouts.end(connection, rollout_id, "done", now)
        else:
            rollouts.move(connection, rollout_id, open_wave(standings, row.wave))

    # ---- shared ----

    def _published(self, structure: Structure) -> Published:
        content = encode(structure)
        return Published(structure.version, content.decode(), fingerprint(structure), self._key.sign(content))

    def _expect(self, connection: Connection, rollout_id: int, *states: str) -> None:
        row = rollouts.lock(connection, rollout_id)
        if row is None:
            raise StructureError("rollout_unknown", rollout=str(rollout_id))
        if row.state not in states:
            raise StructureError("rollout_over", rollout=str(rollout_id), state=row.state)

    def _found(self, connection: Connection, rollout_id: int) -> Rollout:
        found = rollouts.find(connection, rollout_id)
        if found is None:
            raise StructureError("rollout_unknown", rollout=str(rollout_id))
        return found

    def _heard_since(self) -> float:
        return self._clock() - self._settings.offline_minutes * 60


def _moves(said: wire.TillStructure, told: StandingOrder | None) -> bool:
    """Whether what the till says, or that it says anything, moves the roll-out."""
    if told is None or told.state in ("done", "failed", "cancelled"):
        return False
    return told.state == "pending" or said.order == told.number
