"""A store with tills, a spool and an ERP of its own, fed file by file as a drop folder would."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import create_engine, text

from malote.app import Services, services_for
from malote.app_workers import build_poster
from malote.config import DatabaseSettings, ErpSettings, FiscalSettings, Settings, StoreSettings
from malote.fiscal.cfops import Effect
from malote.posting.poster import Poster
from malote.reconciliation import erp_comparison
from malote.register import till_documents
from malote.register.documents import StoredDocument
from malote.tills.till import Till, create_till
from malote.wire import FileReceipt, PouchFile


class Booked(NamedTuple):
    total: Decimal
    protocol: str | None
    status: int | None
    cancelled: bool


class Store:
    """What arrives is read, spooled and posted by the real parts; what is asked of the ERP is asked of its tables."""

    def __init__(self, home: Path, services: Services, tills: dict[str, Till]) -> None:
        self.services = services
        self.tills = tills
        self.settings = services.settings
        self._erp = create_engine(self.settings.erp_url.replace("postgresql://", "postgresql+psycopg://"))
        # SQLite holds money in cents and quantities with four decimals, as whole numbers.
        on_sqlite = self._erp.dialect.name == "sqlite"
        self._money, self._pieces = (100, 10_000) if on_sqlite else (1, 1)
        self.poster: Poster = build_poster(self.settings, services)
        self.poster._erp.create_structure()

    def drop(self, *contents: bytes, till: str = "caixa1") -> list[FileReceipt]:
        """Takes files in, in one pouch, without posting them."""
        files = [PouchFile(f"f{at}.xml", hashlib.sha256(one).digest(), one) for at, one in enumerate(contents)]
        return self.services.intake.take_files(self.tills[till], files)

    def post(self) -> None:
        """Posts until nothing is due."""
        self.poster.drain()

    def send(self, *contents: bytes, till: str = "caixa1") -> None:
        """Each file by itself, and posted before the next one comes."""
        for one in contents:
            self.drop(one, till=till)
            self.post()

    def told(self, content: bytes, till: str = "caixa1") -> FileReceipt:
        """What the till is told of the file when it asks."""
        (receipt,) = self.services.spool.receipts(self.tills[till].id, [hashlib.sha256(content).digest()])
        return receipt

    def document(self, content: bytes, position: int = 0) -> StoredDocument:
        sha256 = hashlib.sha256(content).hexdigest()
        found = [one for one in self.documents() if (one.file_sha256, one.position) == (sha256, position)]
        assert len(found) == 1
        return found[0]

    def state(self, content: bytes, position: int = 0) -> tuple[str, str | None]:
        one = self.document(content, position)
        return one.state, one.reason.code if one.reason else None

    def settled(self, *contents: bytes) -> list[tuple[str, str | None]]:
        """The state and reason of each file's one document."""
        return [self.state(one) for one in contents]

    def nobody_is_asked(self) -> None:
        """Nothing is rejected, waits, is still to be booked, or is flagged; and the ERP has it as it was booked."""
        for status in till_documents.status(self.services.engine, now=self.services.spool.clock()):
            assert (status.rejected, status.waiting, status.pending) == (0, 0, 0), (
                status.till,
                status.rejected_reasons,
            )
        assert till_documents.flagged(self.services.engine) == []
        for ids in erp_comparison.pages(self.services.engine):
            assert erp_comparison.compare(self.services.engine, self.poster._erp, ids).differences == []

    def numbers_are_guarded(self) -> None:
        """By whoever should hold them, however it came about."""
        engine, erp = self.services.engine, self.poster._erp
        for ids in erp_comparison.pages(engine):
            told = {one.what for one in erp_comparison.compare(engine, erp, ids).differences}
            assert not told & {"unguarded", "twice"}

    def documents(self) -> list[StoredDocument]:
        return till_documents.documents_of(self.services.engine, limit=1000)

    def booked(self) -> dict[str, Booked]:
        query = "SELECT access_key, total, protocol_number, protocol_status, cancelled_at FROM sale"
        with self._erp.connect() as connection:
            rows = connection.execute(text(query)).all()
        return {
            row[0]: Booked(Decimal(row[1]) / self._money, row[2] or None, row[3], row[4] is not None) for row in rows
        }

    def stock(self) -> Decimal:
        with self._erp.connect() as connection:
            moved = connection.execute(text("SELECT coalesce(sum(quantity), 0) FROM stock")).scalar_one()
        return Decimal(moved) / self._pieces

    def close(self) -> None:
        self.poster.close()
        self._erp.dispose()


@contextmanager
def store_in(
    home: Path,
    operations: dict[str, Effect] | None = None,
    store: StoreSettings | None = None,
    *,
    database_url: str = "",
    erp_url: str = "",
) -> Iterator[Store]:
    """Opened, or opened again after a restart: tills that exist are found. Both databases are SQLite by default."""
    settings = Settings(
        home=str(home),
        store=store or StoreSettings(),
        fiscal=FiscalSettings(operations=operations or {}),
        database=DatabaseSettings(url=database_url),
        erp=ErpSettings(url=erp_url),
    )
    with services_for(settings) as services:
        known = {till.name: till for till in services.tills()}
        for name in ("caixa1", "caixa2"):
            if name not in known:
                known[name] = create_till(services.engine, name)[0]
        opened = Store(home, services, known)
        try:
            yield opened
        finally:
            opened.close()
