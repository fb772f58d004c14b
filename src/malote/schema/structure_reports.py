"""What the services answer. Times are seconds since the epoch; codes are the catalogue's."""

from typing import Literal

import msgspec

from malote.schema.definition import Scope

# missing   the plan has a step for it
# loose     it differs and does no harm; a step mends it where the engine can
# conflict  a person must decide: no step, with the reason why
# extra     it is there and nobody here asked for it: shown, never dropped
Severity = Literal["missing", "loose", "conflict", "extra"]
What = Literal["table", "column", "type", "nullability", "default", "index", "unique", "primary_key", "privilege"]

# "": nobody is held up; "write": writers wait while it runs; "all": everybody does; "moment": everybody, for an instant
Locking = Literal["none", "moment", "write", "all"]

RunState = Literal["running", "done", "incomplete", "failed", "interrupted"]
StepState = Literal["pending", "running", "waiting", "done", "failed"]


class StructureDifference(msgspec.Struct, frozen=True):
    """One thing that is not as wanted. ``code`` says why nothing can be done about a conflict."""

    severity: Severity
    what: What
    table: str
    name: str  # of the column, index, key or privilege; that of the table where it is the table
    wanted: str
    found: str
    code: str = ""
    facts: dict[str, str] = {}


class Drift(msgspec.Struct, frozen=True):
    """How a database differs from what is wanted. For the scope ``till`` of every till: see ``ReportedStructure``."""

    scope: Scope
    engine: str  # "postgresql", "oracle", "sqlite"
    version: int
    sha256: str
    differences: list[StructureDifference]
    looked_at: float

    @property
    def complete(self) -> bool:
        """Whether nothing that is wanted is absent."""
        return not any(one.severity in ("missing", "conflict") for one in self.differences)


class StructureStep(msgspec.Struct, frozen=True):
    """One statement. ``rows``: how many it must read or write at a guess, 0 where it touches no row.

    ``heavy``: it takes long on this table; ``concurrent``: it runs beside sales, outside any transaction.
    """

    number: int  # from 1
    sql: str
    table: str
    adds: list[str]  # what it is for, such as "sale_item.cbs_rate"
    locking: Locking
    rows: int
    heavy: bool
    concurrent: bool


class StructurePlan(msgspec.Struct, frozen=True):
    """``refused``: what no step will mend, since a person must decide."""

    scope: Scope
    engine: str
    version: int
    steps: list[StructureStep]
    refused: list[StructureDifference]


class StepReport(msgspec.Struct, frozen=True):
    """``holder``: who keeps the step waiting, in words, while it waits."""

    step: StructureStep
    state: StepState
    attempts: int = 0
    holder: str = ""
    started_at: float | None = None
    finished_at: float | None = None
    code: str = ""
    facts: dict[str, str] = {}


class RunReport(msgspec.Struct, frozen=True):
    """An application of a plan. ``incomplete``: every step was done, and something was refused.

    ``replayed``: rejected sales that are back in the queue thanks to it. ``id`` is 0 in a dry run.
    """

    id: int
    scope: Scope
    asked_by: str
    started_at: float
    finished_at: float | None
    state: RunState
    steps: list[StepReport]
    refused: list[StructureDifference]
    replayed: int = 0
    code: str = ""  # why it failed
    facts: dict[str, str] = {}

    @property
    def done(self) -> int:
        return sum(one.state == "done" for one in self.steps)


class ReportedStructure(msgspec.Struct, frozen=True, gc=False):
    """What a till last said of its structure. ``current``: None until it has (no agent, or an old one)."""

    till: str
    version: int | None
    wanted: int
    current: bool | None
    said_at: float | None
