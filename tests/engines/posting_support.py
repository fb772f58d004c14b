"""A store with a spool and an ERP, for tests of the poster."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, select

from malote.config import PostingSettings, StoreSettings
from malote.database.engine import open_database, reading
from malote.database.migrations import migrate
from malote.database.tables import document as documents
from malote.demo import postgres
from malote.erp.factory import open_erp
from malote.erp.protocol import Erp, Outcome, Posting
from malote.fiscal.documents import Document, identity
from malote.posting.ledger import LedgerGuard
from malote.posting.poster import Poster
from malote.register import till_documents
from malote.register.documents import StoredDocument
from malote.spool.documents import RejectedDocument
from malote.spool.mapped_codes import MappedCodes
from malote.spool.sql_queue import Spool
from malote.tills.till import create_till
from tests.engines.spool_support import Clock, body_of, file_with, incoming

SETTINGS = PostingSettings(
    batch=100, lease_seconds=60, idle_seconds=0.01, retry_first_seconds=0.02, retry_longest_seconds=0.2
)


class Shop:
    """One till, its spool in SQLite, and an ERP. The clock of the documents only moves when told to."""

    def __init__(self, folder: Path, erp_url: str, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.store_url = f"sqlite:///{folder / 'store.sqlite3'}"
        self.erp_url = erp_url
        self.engine: Engine = open_database(self.store_url)
        migrate(self.engine)
        self.spool = Spool(self.engine, clock=clock)
        self.till, _ = create_till(self.engine, "caixa1")
        self.kept: list[RejectedDocument] = []
        self._numbers = iter(range(10**9))

    def accept(self, *documents: Document) -> None:
        """Each document in a file of its own."""
        labels = [f"{next(self._numbers)}-{identity(document)}" for document in documents]
        files = [file_with(label, incoming(one)) for label, one in zip(labels, documents, strict=True)]
        self.spool.accept(self.till.id, body_of(labels), files, received_at=self.clock())

    def erp(self) -> Erp:
        return open_erp(self.erp_url, lock_timeout_seconds=5)

    def poster(
        self,
        *,
        erp: Callable[[], Erp] | None = None,
        spool: Spool | None = None,
        keep: Callable[[RejectedDocument], object] | None = None,
        settings: PostingSettings = SETTINGS,
        guard: LedgerGuard | None = None,
        codes: Callable[[], MappedCodes] = MappedCodes,
    ) -> Poster:
        return Poster(
            spool or self.spool,
            self.engine,
            erp or self.erp,
            keep or self.keep,
            settings,
            StoreSettings(),
            clock=self.clock,
            guard=guard,
            codes=codes,
        )

    def keep(self, rejected: RejectedDocument) -> None:
        """As the quarantine does; and it must come before the settlement."""
        alike = [one.state for one in self.documents() if one.access_key == rejected.access_key]
        assert "posting" in alike, "another file of the same sale may be there and not have had its turn"
        self.kept.append(rejected)

    def documents(self) -> list[StoredDocument]:
        return till_documents.documents_of(self.spool.engine, limit=100_000)

    def states(self) -> dict[str, str]:
        """By access key; of several documents with one key, the last one's."""
        return {one.access_key or "": one.state for one in self.documents()}

    def counted(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for one in self.documents():
            found[one.state] = found.get(one.state, 0) + 1
        return found

    def reasons(self) -> list[str]:
        return [one.reason.code for one in self.documents() if one.reason]


@contextmanager
def open_shop(folder: Path, erp_url: str, clock: Callable[[], float] | None = None) -> Iterator[Shop]:
    shop = Shop(folder, erp_url, clock or Clock())
    try:
        yield shop
    finally:
        shop.engine.dispose()


def until(condition: Callable[[], bool], seconds: float = 300.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def nothing_leased(shop: Shop) -> bool:
    """Whether all that was leased by those who died may be leased again: what a next one meets depends on no haste."""
    running = select(documents.c.id).where(documents.c.lease_until > shop.clock())
    with reading(shop.engine) as connection:
        return connection.execute(running).first() is None


class Passing:
    """An ERP through which all calls pass, for tests that act between them."""

    def __init__(self, erp: Erp, post: Callable[[Erp, Sequence[Posting]], list[Outcome]]) -> None:
        self._post = post
        self._erp = erp
        self.engine = erp.engine
        self.patience_seconds = erp.patience_seconds
        self.tables = erp.tables
        self.schema = erp.schema
        self.connections = erp.connections
        self.create_structure = erp.create_structure
        self.script = erp.script
        self.booked = erp.booked
        self.ledger = erp.ledger
        self.entered = erp.entered
        self.ledger_harms = erp.ledger_harms
        self.lost_keys = erp.lost_keys
        self.expect = erp.expect
        self.enter_before = erp.enter_before
        self.read_only = erp.read_only
        self.refused_writing = erp.refused_writing
        self.sales = erp.sales
        self.sales_between = erp.sales_between
        self.departures = erp.departures
        self.fingerprints = erp.fingerprints
        self.supersede = erp.supersede
        self.rehearse = erp.rehearse
        self.grants = erp.grants
        self.faults = erp.faults
        self.close = erp.close

    def post(self, batch: Sequence[Posting]) -> list[Outcome]:
        return self._post(self._erp, batch)


class OwnServer:
    """A PostgreSQL that a test may stop and start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = postgres.start(folder / "data", folder / "run")
        self.url = self._server.url

    def start(self) -> None:
        self._server = postgres.start(self._folder / "data", self._folder / "run")

    def stop(self) -> None:
        self._server.stop()


@contextmanager
def own_server() -> Iterator[OwnServer]:
    # Not in pytest's folder: every start of pytest closes that to others, and as root the server is somebody else.
    with tempfile.TemporaryDirectory(prefix="malote-postgresql-", ignore_cleanup_errors=True) as folder:
        server = OwnServer(Path(folder))
        try:
            yield server
        finally:
            server.stop()


class running:  # noqa: N801 reads as a statement
    """The posters at work, each in a thread, while the block lasts."""

    def __init__(self, *posters: Poster) -> None:
        self._posters = posters
        self._stop = threading.Event()
        self._threads = ThreadPoolExecutor(len(posters))

    def __enter__(self) -> None:
        self._runs = [self._threads.submit(poster.run, self._stop) for poster in self._posters]

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for run in self._runs:
            run.result(timeout=300)
        self._threads.shutdown()


def passing(erp: Erp, post: Callable[[Erp, Sequence[Posting]], list[Outcome]]) -> Erp:
    return Passing(erp, post)


def advance(shop: Shop, poster: Poster, clock: Clock) -> None:
    """As much later as every pause takes, a few times."""
    for _ in range(6):
        clock.now += 120
        while poster.step():
            pass
