"""A house whose ERP is there, whose till spoke a moment ago, and in which sales go up until a trouble is planted."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from sqlalchemy import text, update

from malote import __version__
from malote.database import room
from malote.database.engine import writing
from malote.database.tables import till as tills
from malote.erp.factory import open_configured
from malote.reconciliation import erp_memory
from malote.runbook.runbook_service import Runbook, View
from malote.spool.presence import PosterPresence
from malote.tills.contact import record_contact
from malote.wire import Contact, FolderCount
from tests.engines.quarantine_support import MARIA, House
from tests.unit.fiscal.notes import build_note


class Shop(House):
    """A house whose ERP is there, and whose till spoke a moment ago."""

    def __init__(self, home: Path) -> None:
        super().__init__(home, test_environment=True, learn_series=True)
        erp = open_configured(self.settings)
        erp.create_structure()
        erp.close()
        self.number = 0
        self.least_free = room.LEAST_FREE
        parts = self.services.runbook.parts
        parts = replace(parts, clock=self.clock, synchronisation=self.synchronisation, quarantine=self.quarantine)
        self.runbook = Runbook(parts, self.services.jobs)
        self.speak()
        self.sell()
        self.post()

    def speak(self, ahead: float = 0.0, **said: Any) -> None:
        """A sign of life, with nothing wrong but what is said."""
        clock = _at(self.clock()) + timedelta(seconds=ahead)
        whole: dict[str, Any] = {
            "pending": 0,
            "unproven": 0,
            "synchronised": 0,
            "troubles": [],
            "folder": FolderCount(1, 1, 0),
        } | said
        record_contact(self.engine, self.till.id, Contact(__version__, clock, **whole), received_at=self.clock())

    def sell(self, **said: Any) -> bytes:
        self.number += 1
        note = build_note(number=self.number, **said)
        self.take(note)
        return note

    def look(self, scope: str = "caixa1", **said: Any) -> View:
        return self.runbook.view(scope, MARIA, **said)

    def on_till(self, **values: Any) -> None:
        with writing(self.engine) as connection:
            connection.execute(update(tills).where(tills.c.id == self.till.id).values(values))

    def poster_said(self, trouble: str, at: float | None = None) -> None:
        now = self.clock() if at is None else at
        PosterPresence(self.engine, lambda: now, "lançador").renew(trouble)

    def no_posters(self) -> None:
        with writing(self.engine) as connection:
            connection.execute(text("DELETE FROM poster_sign"))

    def erp(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.settings.home_path / "erp.sqlite3")) as connection:
            for one in statements:
                connection.execute(one)
            connection.commit()

    def compare(self) -> None:
        """The poster looks at the ERP."""
        erp = open_configured(self.settings)
        try:
            erp_memory.look(self.engine, erp, self.clock())
        finally:
            erp.close()


def _at(seconds: float) -> Any:
    return datetime.fromtimestamp(seconds, UTC)
