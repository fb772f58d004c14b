"""A load that a person asked for on a screen: reads the ERP, makes a version, orders it, while they look on.

One at a time in a process. Where it ends early (the machine dies, the ERP goes away) nothing half is left: a version
and an order are one transaction each, and a version without its order reaches tills as any other does, by itself.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from sqlalchemy import Engine

from malote import incidents
from malote.accounts.audit import Actor
from malote.explained_error import ExplainedError
from malote.loads.asked_load import AskedLoad
from malote.loads.chosen_items import chosen
from malote.loads.load_service import Loads
from malote.loads.staging import EntityReport
from malote.loads.versions import LoadError


class BackgroundLoad(msgspec.Struct, frozen=True):
    """How far it got. ``entity``: which is being read, the ``place``-th of ``of``. ``version``: 0 while unknown;
    ``made``: whether it is of this reading. ``orders``: whether tills are told of it; ``tills``: how many were.
    ``code`` and ``facts``: why it failed."""

    number: int
    asked: AskedLoad
    asked_by: str
    began_at: float
    orders: bool
    state: Literal["reading", "done", "failed"] = "reading"
    ended_at: float | None = None
    entity: str = ""
    place: int = 0
    of: int = 0
    version: int = 0
    made: bool = False
    tills: int = 0
    entities: list[EntityReport] = []
    code: str = ""
    facts: dict[str, str] = {}


class BackgroundLoads:
    """Safe for threads."""

    def __init__(self, engine: Engine, loads: Loads, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._loads = loads
        self._clock = clock
        self._lock = threading.Lock()
        self._last: BackgroundLoad | None = None

    def last(self) -> BackgroundLoad | None:
        """The newest of this process, whether it goes on or is over."""
        with self._lock:
            return self._last

    def start(self, actor: Actor, asked: AskedLoad, *, orders: bool = True) -> None:
        """Begins in the background. ``orders`` False: the version alone is made, as after a confirmation.

        Raises ``LoadError`` ``load_running`` while another goes on.
        """
        with self._lock:
            if self._last is not None and self._last.state == "reading":
                raise LoadError("load_running", who=self._last.asked_by)
            number = self._last.number + 1 if self._last else 1
            self._last = BackgroundLoad(number, asked, actor.name, self._clock(), orders)
        work = threading.Thread(target=self._run, args=(actor, asked, orders), name="asked load", daemon=True)
        work.start()

    def _run(self, actor: Actor, asked: AskedLoad, orders: bool) -> None:
        wanted = asked.wanted
        try:
            names = wanted.entities or list(asked.items) or None
            report = self._loads.staging.run(
                actor,
                names=names,
                whole=wanted.anew,
                emergency=asked.emergency,
                urgent=asked.urgent,
                progress=self._reading,
            )
            tills = []
            if orders and report.version:
                rows = chosen(self._engine, asked, self._clock())
                tills = self._loads.order(wanted, actor, items=rows)
        except ExplainedError as error:
            self._end(state="failed", code=error.code, facts=error.facts)
        except Exception as error:  # noqa: BLE001 - outermost of a thread: the screen must not say "reading" for ever
            incident = incidents.report("load_failed", error)
            self._end(state="failed", code="server_failed", facts={"detail": incident})
        else:
            found = report.entities
            self._end(state="done", version=report.version, made=report.made, tills=len(tills), entities=found)

    def _reading(self, entity: str, place: int, of: int) -> None:
        self._set(entity=entity, place=place, of=of)

    def _end(self, **others: Any) -> None:
        self._set(ended_at=self._clock(), **others)

    def _set(self, **changes: Any) -> None:
        with self._lock:
            if self._last is not None:
                self._last = msgspec.structs.replace(self._last, **changes)
