"""A store with a real database, a real folder and a real ERP, in which rejected files can be made and looked at."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from malote.accounts.audit import Actor, AuditEntry, entries
from malote.app import Services, open_services
from malote.app_workers import build_poster
from malote.config import DatabaseSettings, QuarantineSettings, Settings, StoreSettings
from malote.database.engine import reading
from malote.orders.book import OrderBook
from malote.quarantine import synchronise_orders
from malote.quarantine.quarantine_reports import Refused, WayOut
from malote.quarantine.quarantine_service import Quarantine
from malote.quarantine.synchronising import Synchronisation
from malote.register import till_documents
from malote.register.documents import StoredDocument
from malote.tills import custody
from malote.tills import till as tills
from malote.tills.contact import record_contact
from malote.tills.till import Till, create_till
from malote.wire import Contact, FileReceipt, PouchFile
from tests.engines.spool_support import rejected
from tests.unit.fiscal.notes import MORNING

MARIA = Actor("maria", "10.0.0.7")


class Clock:
    """The real time, and what a test adds to it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class House:
    """The server's parts with one till. Changes by hand count at once; ``clock`` can be moved on."""

    def __init__(self, home: Path, database_url: str = "", **store: Any) -> None:
        self.settings = Settings(
            home=str(home),
            language="en",
            database=DatabaseSettings(url=database_url),
            store=StoreSettings(**store),
            quarantine=QuarantineSettings(quiet_seconds=0.0),
        )
        self.services: Services = open_services(self.settings)
        self.clock = Clock()
        self.engine, self.spool = self.services.engine, self.services.spool
        known = [till for till in tills.list_tills(self.engine) if till.name == "caixa1"]
        self.till = known[0] if known else create_till(self.engine, "caixa1")[0]
        self.restart()

    def restart(self) -> None:
        """The quarantine as after a restart of the server: it remembers nothing."""
        self.quarantine = Quarantine(replace(self.services.quarantine.parts, clock=self.clock))
        self.book = OrderBook(self.engine, [synchronise_orders.KIND], self.services.key.sign, self.clock)
        self.synchronisation = Synchronisation(self.engine, self.quarantine.judge, self.clock)

    def close(self) -> None:
        self.services.close()

    # ---- what comes ----

    def take(self, *contents: bytes, till: Till | None = None) -> list[FileReceipt]:
        files = [PouchFile(f"{n}.xml", sha256(content), content) for n, content in enumerate(contents)]
        return self.services.intake.take_files(till or self.till, files)

    def reject(self, content: bytes, till: Till | None = None) -> int:
        """A file that intake rejects; the id of its document, whose file is on disk when this returns."""
        (receipt,) = self.take(content, till=till)
        assert receipt.state == "rejected"
        self.scan()
        return self.id_of(content, till)

    def refuse(self, content: bytes, code: str) -> int:
        """A file that comes in and is rejected when it is posted; the id of its document, with its file on disk."""
        self.take(content)
        (leased,) = self.spool.lease("poster", 1, 60)
        self.spool.settle([rejected(leased, code)])
        self.scan()
        return leased.id

    def post(self) -> int:
        """Posts all that is due."""
        poster = build_poster(self.settings, self.services)
        try:
            return poster.drain()
        finally:
            poster.close()

    def hold(self, *contents: bytes, till: Till | None = None) -> None:
        """The till says that it holds these files."""
        hashes = [sha256(content) for content in contents]
        custody.note(self.engine, (till or self.till).id, hashes, set(hashes), self.clock())

    def lose(self, *contents: bytes) -> None:
        """The till was asked about these files, and holds none of them any more."""
        custody.note(self.engine, self.till.id, [sha256(content) for content in contents], set(), self.clock())

    def contact(self, *, pending: int = 0, obeyed: int | None = 0, till: Till | None = None) -> int:
        """A sign of life of the till; the number of the synchronisation it is told, 0 for none."""
        said = Contact("1.0", MORNING, pending, 0, synchronised=obeyed)
        chosen = till or self.till
        record_contact(self.engine, chosen.id, said, received_at=self.clock())
        return self.book.due(chosen, said).synchronise

    def scan(self) -> None:
        """Looks at the folder until nothing is left to be done."""
        while self.quarantine.reconciler.scan():
            pass

    # ---- what is there ----

    @property
    def folder(self) -> Path:
        return self.settings.quarantine_path / "caixa1"

    @property
    def trash(self) -> Path:
        return self.settings.trash_path / "caixa1"

    def in_folder(self) -> list[bytes]:
        return contents_of(self.folder)

    def in_trash(self) -> list[bytes]:
        return contents_of(self.trash)

    def documents(self) -> list[StoredDocument]:
        return till_documents.documents_of(self.spool.engine, limit=10_000)

    def id_of(self, content: bytes, till: Till | None = None) -> int:
        wanted = (sha256(content).hex(), (till or self.till).name)
        return next(one.id for one in self.documents() if (one.file_sha256, one.till) == wanted)

    def state_of(self, content: bytes) -> str:
        return till_documents.document(self.spool.engine, self.id_of(content)).state

    def states(self) -> dict[int, str]:
        return {one.id: one.state for one in self.documents()}

    def file_of(self, content: bytes) -> Path:
        """The file of a rejected document."""
        return next(path for path in self.folder.glob("*.xml") if path.read_bytes() == content)

    def whats(self, document_id: int) -> list[str]:
        return [one.what for one in self.quarantine.history(document_id)]

    def audited(self, action: str) -> list[AuditEntry]:
        return entries(self.engine, action=action)

    def scalar(self, statement: Any) -> Any:
        with reading(self.engine) as connection:
            return connection.execute(statement).scalar()


def sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def contents_of(folder: Path) -> list[bytes]:
    """The contents of the documents in a folder, each of which must have its sidecar."""
    paths = sorted(folder.glob("*.xml")) if folder.is_dir() else []
    assert all(path.with_suffix(".json").is_file() for path in paths)
    orphans = {path.stem for path in folder.glob("*.json")} if folder.is_dir() else set()
    assert orphans == {path.stem for path in paths}
    return sorted(path.read_bytes() for path in paths)


BAD = b"<venda>one</venda>"


def refused(document_id: int, code: str) -> Refused:
    ways: tuple[WayOut, ...] = ("download", "ask_till", "delete_last_copy")
    return Refused(document_id, code, {}, ways if code == "last_copy" else ())


OpenHouse = Callable[..., House]


def strict(open_house: OpenHouse) -> House:
    """A store in which nobody owns a series by using it."""
    return open_house(learn_series=False)
