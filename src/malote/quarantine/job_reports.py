"""What is told of jobs: orders for many documents or tills at once, carried out by the server."""

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import msgspec
from sqlalchemy import Connection

from malote.quarantine.quarantine_reports import Refused
from malote.spool.states import State

AT_ONCE = 200  # documents, or tills, that a person waits for; beyond it the order becomes a job

Kind = Literal["delete", "restore", "replay", "synchronise"]
KINDS: tuple[Kind, ...] = get_args(Kind)

#   draft     frozen and shown to somebody, who hasn't confirmed it yet
#   running   being carried out, or waiting for whoever does it
#   stopping  a person stopped it; the batch under way is finished
#   stopped   the rest of its list was left as it is
#   done      its list is through; what was refused is listed with the reason
JobState = Literal["draft", "running", "stopping", "stopped", "done"]

# What each kind takes its documents from; of tills, nothing is asked.
TAKES: dict[Kind, State] = {"delete": "rejected", "restore": "discarded", "replay": "rejected"}

# Told, in the transaction of what was done, which of a batch were done, and which were left as they are.
Settled = Callable[[Connection, Sequence[int], Sequence[Refused]], None]


class Job(msgspec.Struct, frozen=True):
    """Times are seconds since the epoch, money is cents. Counts are of documents, or of tills to be synchronised."""

    id: int
    kind: Kind
    state: JobState
    till: str  # "" for several
    asked_by: str
    address: str  # from where
    asked_at: float
    reason: str  # as typed by the person
    forced: bool  # deletes what may be the last copy too
    undoes: int | None  # the job whose work it takes back
    finished_at: float | None
    stopped_by: str
    waits: str  # the code of what keeps it from going on; "" for nothing
    total: int
    total_cents: int
    done: int
    done_cents: int
    refused: int
    refused_cents: int

    @property
    def left(self) -> int:
        return self.total - self.done - self.refused

    @property
    def over(self) -> bool:
        return self.state in ("stopped", "done")


class Gauge(msgspec.Struct, frozen=True):
    """How much a selection is now; its ids where it is no more than ``AT_ONCE``."""

    count: int
    cents: int
    ids: tuple[int, ...] | None


class RefusedPage(msgspec.Struct, frozen=True):
    """What a job left as it was, by id, with the reasons of all of it; ``after`` begins the next page."""

    refused: list[Refused]
    after: int | None
    reasons: dict[str, int]
