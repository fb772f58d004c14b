"""What a database must be able to do for its structure to be looked at and brought up to date."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import msgspec
from sqlalchemy import exc

from malote.database.errors import translate
from malote.erp.faults import classify, raised
from malote.erp.grants import Use
from malote.schema.definition import Scope, Structure, StructureError
from malote.schema.dialects import Dialect
from malote.schema.found_tables import Found, Probe
from malote.schema.structure_reports import StructureStep

# Told who keeps a step waiting, in words, at every look; it may raise to give up.
Waiting = Callable[[str], None]


class Declared(msgspec.Struct, frozen=True):
    """What is wanted of a database, and how far Malote may go for it.

    ``creates``: tables that are made where they are absent. ``foreign``: tables of the ERP's own, whose types are its
    own affair, so that only what is absent counts. ``uses``: what posting does with each table.
    """

    structure: Structure
    creates: frozenset[str]
    foreign: frozenset[str] = frozenset()
    uses: tuple[Use, ...] = ()
    schema: str = ""


class SessionPresence(Protocol):
    """Makes a session known as Malote's own, so that nobody ends it."""

    def at(self, key: str, began: str) -> None:
        """Its number and beginning; see ``erp.sessions.protocol.SessionIdentity``."""
        ...

    def close(self) -> None: ...


class AlteringPlace(msgspec.Struct, frozen=True):
    """Where the tables are, and who is looked at: ``posting_user`` is whose privileges count, by default the address'
    own. Without a ``schema`` the tables are where the ``ledger`` is; ``remembered``, booked into before, decides."""

    schema: str = ""
    posting_user: str = ""
    ledger: str = ""
    presence: SessionPresence | None = None
    remembered: str = ""


class Patience(msgspec.Struct, frozen=True):
    """How DDL behaves towards others, in seconds.

    ``lock``: how long it may stand in the queue for a lock, with everybody else behind it; then it steps aside.
    ``whole``: how long a step goes on trying. ``index``: how long the making of an index may take.
    """

    lock: float
    whole: float
    index: float


class AlteringSession(Protocol):
    """A connection, for one thread."""

    def look(self, wanted: Declared) -> Found: ...

    @property
    def probe(self) -> Probe: ...

    def carry_out(self, step: StructureStep, waiting: Waiting) -> int:
        """Runs one statement, and returns at which attempt it came through. Raises ``StructureError``."""
        ...


class AlteringTarget(Protocol):
    """One database. ``atomic``: everything done in ``alone`` is kept at its end, or nothing."""

    dialect: Dialect
    atomic: bool

    def looking(self) -> AbstractContextManager[AlteringSession]: ...

    def alone(self, waiting: Waiting) -> AbstractContextManager[AlteringSession]:
        """Keeps other operators out while it lasts; waits for one that is at it."""
        ...


@contextmanager
def told_apart(scope: Scope, table: str = "") -> Iterator[None]:
    """Turns what a database refuses into ``StructureError``, with the codes that its scope has for them."""
    try:
        yield
    except raised() as error:
        raise structure_error(scope, error, table) from error


def structure_error(scope: Scope, error: Exception, table: str = "") -> StructureError:
    """Raises ``error`` itself where it is a fault of the program."""
    if scope == "store" and isinstance(error, exc.SQLAlchemyError):
        known = translate(error)
        if known is not None:
            return StructureError(known.code, detail=known.detail)
    found = classify(error, table)
    # Of DDL these say the same: the statement met something that is not as the plan saw it.
    code = "structure_step_refused" if found.code in ("structure_outdated", "erp_refused", "erp_constraint") else None
    return StructureError(code or found.code, detail=found.detail)
