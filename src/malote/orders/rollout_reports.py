"""What is told of a roll-out that goes out in waves, of a structure or of a load. Times are seconds since the epoch;
codes are the catalogue's."""

from typing import Literal

import msgspec

RolloutState = Literal["running", "stopped", "done", "cancelled"]
TillState = Literal["pending", "offered", "done", "failed", "cancelled"]


class RolloutTill(msgspec.Struct, frozen=True):
    """How far the roll-out got at one till. ``offline_since``: where it has not been heard of for a while."""

    till: str
    wave: int  # from 1
    state: TillState
    offline_since: float | None
    offered_at: float | None
    reported_at: float | None
    seconds: float | None  # that the update took at the till
    code: str = ""
    facts: dict[str, str] = {}


class Rollout(msgspec.Struct, frozen=True):
    """A roll-out of the tills' structure, or of a load. ``wave`` is the one that is open; ``counts`` is by state of the
    tills.

    ``code`` and ``stopped_by``: the failure that stopped it, and at which till. ``approved``: of a load, the last wave
    that may open; 0: any.
    """

    id: int
    version: int
    asked_by: str
    asked_at: float
    everyone: bool  # tills created later join it
    state: RolloutState
    wave: int
    waves: int
    counts: dict[TillState, int]
    finished_at: float | None
    code: str = ""
    stopped_by: str = ""
    approved: int = 0

    @property
    def total(self) -> int:
        return sum(self.counts.values())
