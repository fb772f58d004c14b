"""The guard of the numbers for what was booked before there was one: made once for each ERP, before anything is booked.

It stands in the ledger that it is done. A program that dies on the way begins again; two at once do the same twice.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import Connection

from malote.erp import numbers, rows, statements
from malote.erp.connecting import over_ledger
from malote.erp.mapping import ErpTables
from malote.erp.protocol import Connections

DONE = "guard:numbers"
STEP = 5000  # entries in one transaction


class Engine(Protocol):
    """What it asks of an engine; see ``booking.Engine``."""

    tables: ErpTables

    @property
    def connections(self) -> Connections: ...

    def claim(self, connection: Connection, entries: Sequence[rows.Row]) -> set[str]: ...


class Guarding:
    """For one connection to an ERP."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._made_over = -1  # the number of the connection that it was made or found over

    def make(self, transaction: Callable[[], AbstractContextManager[Connection]]) -> None:
        """Each step is a transaction of its own, so that nobody waits long behind it.

        It is looked for once over each connection: an older copy of the ERP may have taken the place of this one.
        """
        erp, after = self._engine.tables, "0"
        while self._made_over != self._engine.connections.count:
            with transaction() as connection:
                with over_ledger(erp.ledger_name):
                    if after == "0" and connection.execute(statements.ledger_entries(erp, [DONE])).first():
                        self._made_over = self._engine.connections.count
                        return
                    page = connection.execute(statements.entries_after(erp, STEP), {"after": after}).all()
                entries = [entry for row in page if (entry := _entry(row))]
                if len(page) < STEP:
                    entries.append({"identity": DONE, "content_hash": b"\0", "till": "malote", "document_id": 0})
                self._engine.claim(connection, sorted(entries, key=lambda entry: str(entry["identity"])))
            if len(page) < STEP:
                self._made_over = self._engine.connections.count
                return
            after = page[-1].identity


def _entry(row: Any) -> rows.Row | None:
    """The first of several keys of one number holds it: they were booked before anybody asked."""
    identity = numbers.identity_of(row.identity)
    if identity is None:
        return None
    marked = numbers.mark(row.identity)
    return {"identity": identity, "content_hash": marked, "till": row.till, "document_id": row.document_id}
