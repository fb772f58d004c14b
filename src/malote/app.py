"""The composition root: the only place where the server's parts are wired together."""

import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

import structlog
from sqlalchemy import Engine

from malote import incidents, private
from malote.accounts import tills, users
from malote.accounts.tills import Till
from malote.api import services as api
from malote.config import Settings, limits_of
from malote.database.engine import open_database
from malote.database.errors import StoreError
from malote.database.migrations import migrate
from malote.erp.engines import open_configured, tables_of
from malote.erp.mapping import BUILT_IN
from malote.erp.protocol import ErpError
from malote.erp.sessions.engines import open_watch
from malote.erp.sessions.watching import named
from malote.fiscal.documents import Document, has_content, identity
from malote.fiscal.reader import read
from malote.intake import received
from malote.intake.drop_folder import DropFolder
from malote.intake.receive import Intake
from malote.locks import automatic
from malote.locks.services import Locks
from malote.posting.ledger import LedgerGuard
from malote.posting.lookout import Lookout
from malote.posting.poster import Poster
from malote.posting.products import Remembered
from malote.posting.second_look import look_again
from malote.quarantine import cures, keeping, synchronising
from malote.quarantine.jobs import Jobs
from malote.quarantine.parts import Parts
from malote.quarantine.services import Quarantine
from malote.quarantine.synchronising import Synchronisation
from malote.spool import custody, erp_memory, held
from malote.spool.documents import RejectedDocument
from malote.spool.held import Looked
from malote.spool.presence import Presence, watched
from malote.spool.sql import Spool
from malote.structures.form import StructureError
from malote.structures.services import Structures

HOUSEKEEPING_SECONDS = 3600.0  # between prunings
SERIES_SECONDS = 2.0  # between looks at what waits because of its series
REJOINING_SECONDS = 15.0  # between looks whether a structure that was missing has come
RESTART_SECONDS = 5.0  # before a worker that failed starts again
JOIN_SECONDS = 30.0  # for each worker to finish what it is doing

log = structlog.get_logger("malote.app")


@dataclass(frozen=True, kw_only=True)
class Services(api.Services):
    """Everything the server is made of; what its HTTP face needs is inherited."""

    engine: Engine
    closed: private.Closed  # what in the home folder others could read until now
    keep: Callable[[RejectedDocument], Path]  # durably into the quarantine; raises OSError
    quarantine: Quarantine
    structures: Structures
    synchronisation: Synchronisation
    jobs: Jobs
    locks: Locks

    def tills(self) -> list[Till]:
        """All tills, disabled ones too. Raises ``StoreError``."""
        return tills.list_tills(self.engine)

    def free_held(self) -> Looked:
        """Looks at what waits because of its series, and frees what may go. Raises ``StoreError``."""
        patience = self.settings.store.owner_hours * 3600
        return held.look(self.engine, patience=patience, now=time.time())

    def close(self) -> None:
        self.locks.close()
        self.engine.dispose()


class Worker(Protocol):
    """Something that goes on until it is told to stop."""

    def __call__(self, stop: threading.Event) -> None: ...


def open_services(settings: Settings) -> Services:
    """The store database, opened and brought up to date, and all that works on it.

    Raises ``StoreError``, ``OSError`` for a home folder that can't be made, ``ValueError`` for an impossible address.
    """
    closed = make_home(settings)
    engine = open_database(settings.database_url)
    try:
        migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    spool = Spool(engine, language=settings.language)
    keep = partial(keeping.keep, settings.quarantine_path)
    keep_all = partial(keeping.keep_all, settings.quarantine_path)
    intake = Intake(engine, spool, keep_all, settings.store, settings.intake, settings.fiscal.operations)
    quarantine = build_quarantine(settings, engine, spool, intake)
    synchronisation = Synchronisation(engine, quarantine.judge)
    structures = Structures(engine, settings)
    return Services(
        settings=settings,
        engine=engine,
        closed=closed,
        spool=spool,
        keep=keep,
        intake=intake,
        quarantine=quarantine,
        structures=structures,
        structure_due=structures.rollouts.due,
        server_key=structures.rollouts.public_key,
        synchronisation=synchronisation,
        jobs=Jobs(quarantine.parts, synchronisation),
        locks=build_locks(settings, engine),
        authenticate=partial(tills.authenticate, engine),
        record_contact=lambda till, contact: tills.record_contact(engine, till.id, contact, received_at=time.time()),
        sync_due=lambda till, obeyed: synchronising.due(engine, till.id, obeyed, now=time.time()),
        note_custody=lambda till, asked, held: custody.note(engine, till.id, asked, held, time.time()),
    )


@contextmanager
def services_for(settings: Settings) -> Iterator[Services]:
    """``open_services``, closed at the end of the block."""
    services = open_services(settings)
    try:
        yield services
    finally:
        services.close()


def build_quarantine(settings: Settings, engine: Engine, spool: Spool, intake: Intake) -> Quarantine:
    """The rejected files with all that is done about them."""
    limits = limits_of(settings.store, settings.intake)
    return Quarantine(
        Parts(
            engine=engine,
            spool=spool,
            folder=settings.quarantine_path,
            trash=settings.trash_path,
            settings=settings.quarantine,
            trash_days=settings.retention.trash_days,
            judge=cures.mindful(engine, intake.judge),
            take=intake.take_files,
            read=lambda content: read(content, limits),
            booked=partial(_booked, settings),
            max_file_bytes=settings.intake.max_document_bytes,
        )
    )


def _booked(settings: Settings, documents: Sequence[Document]) -> list[bool]:
    """Which of the documents the ERP has with this content; on a connection of its own. Raises ``ErpError``."""
    erp = open_configured(settings)
    try:
        ledger = erp.ledger([identity(document) for document in documents])
    finally:
        erp.close()
    return [has_content(document, ledger.get(identity(document))) for document in documents]


def make_home(settings: Settings) -> private.Closed:
    """The home folder, closed to strangers, with all in it that holds consumers' data or keys. Raises ``OSError``.

    Says what in it was open to them.
    """
    home = settings.home_path
    if not home.exists():
        # The group may pass: a POS writes to entrada/ as a user of its own.
        home.mkdir(mode=0o750, parents=True)
    return private.close_home(home)


def build_drop_folder(services: Services) -> DropFolder:
    settings = services.settings
    listed = tills.Listed(services.engine)
    intake = services.intake
    return DropFolder(settings.drop_path, intake.take_files, listed, settings.intake, admit=intake.quota.check)


def workers(services: Services, *, posting: bool) -> dict[str, Worker]:
    """What runs beside the HTTP server, by name."""
    chosen: dict[str, Worker] = {
        "housekeeping": partial(keep_house, services),
        "quarantine": services.quarantine.reconciler.run,
        "rejoining": partial(rejoin, services),
        "series": partial(look_after_series, services),
        "jobs": services.jobs.run,
    }
    if services.settings.intake.drop_folder:
        chosen["drop folder"] = build_drop_folder(services).run
    if posting:
        chosen["poster"] = build_poster(services.settings, services).run
    if services.settings.locks.automatic:
        chosen["lock rule"] = partial(automatic.run, services.locks)
    return chosen


@contextmanager
def running(chosen: dict[str, Worker], stop: threading.Event) -> Iterator[None]:
    """The workers, each in a thread, while the block lasts; at its end they are told to stop, and waited for."""
    threads = [
        threading.Thread(target=_keep_running, args=(name, worker, stop), name=name, daemon=True)
        for name, worker in chosen.items()
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(JOIN_SECONDS)
            if thread.is_alive():
                log.error("worker_hangs", worker=thread.name)


def rejoin(services: Services, stop: threading.Event) -> None:
    """Replays what was rejected for want of a structure, once somebody has brought it."""
    while not stop.wait(REJOINING_SECONDS):
        try:
            replayed = services.structures.rejoin()
        except (StoreError, StructureError) as error:
            log.warning("rejoining_waits", code=error.code)
            continue
        if replayed:
            log.info("rejoined", documents=replayed)


def look_after_series(services: Services, stop: threading.Event) -> None:
    """Frees what waits because of its series, once the series is given to its till or the owner's copy is booked."""
    while not stop.wait(SERIES_SECONDS):
        try:
            done = services.free_held()
        except StoreError as error:
            log.warning("series_wait", code=error.code)
            continue
        if done.freed or done.shared or done.rejected:
            log.info("series_looked_after", freed=done.freed, shared=done.shared, rejected=done.rejected)


def keep_house(services: Services, stop: threading.Event) -> None:
    """Drops what its retention no longer asks for, now and then."""
    while True:
        prune(services)
        if stop.wait(HOUSEKEEPING_SECONDS):
            return


def prune(services: Services) -> None:
    """What its retention has ended for: ended sessions, trash, posted pouches, received files.

    One that can't be dropped now holds back none of the others; it is tried again at the next housekeeping.
    """
    settings = services.settings
    today = datetime.now(UTC).astimezone().date()
    before = received.first_day_kept(today, settings.intake.drop_keep_days)
    proven = partial(_proven, services.spool)
    steps: dict[str, Callable[[], int | None]] = {
        "sessions": lambda: users.purge(services.engine, now=time.time()),
        "trash": services.quarantine.purge,
        "pouches": lambda: services.spool.prune(time.time() - settings.retention.posted_days * 86400),
        "jobs": services.jobs.forget,
        "received": lambda: received.prune(settings.drop_path, services.tills(), before, proven),
    }
    counts = {name: _alone(name, step) for name, step in steps.items()}
    if any(counts.values()):
        log.info("pruned", **counts)


def _alone(name: str, step: Callable[[], int | None]) -> int:
    try:
        return step() or 0
    except (StoreError, OSError) as error:
        log.warning("pruning_waits", what=name, reason=str(error))
    except Exception as error:  # noqa: BLE001 - one kind of leftover must not hold back the others
        incidents.report("pruning_failed", error, what=name)
    return 0


def _proven(spool: Spool, till: Till, hashes: Sequence[bytes]) -> list[bytes]:
    receipts = spool.receipts(till.id, hashes)
    return [sha256 for sha256, receipt in zip(hashes, receipts, strict=True) if receipt.state == "posted"]


def _keep_running(name: str, worker: Worker, stop: threading.Event) -> None:
    """The outermost loop of a thread: a worker that fails is started again, since sales depend on it."""
    while not stop.is_set():
        try:
            worker(stop)
        except Exception as error:  # noqa: BLE001 - outermost loop
            incidents.report("worker_failed", error, worker=name)
            stop.wait(RESTART_SECONDS)


def build_locks(settings: Settings, engine: Engine) -> Locks:
    """The lock console over the ERP of the settings. Nothing is connected yet."""
    try:
        tables = tables_of(settings)
    except ErpError:
        tables = BUILT_IN  # the poster says what is wrong with the profile
    return Locks(engine, settings.erp_url, settings.locks, tables=tables)


def build_poster(settings: Settings, services: Services | None = None) -> Poster:
    """A poster over the spool and the ERP of the settings; it works in the thread that runs it.

    Raises ``ErpError`` for an address that no engine understands, and what ``open_services`` raises.
    """
    parts = services or open_services(settings)
    look_again(parts.engine, time.time())
    # Known by name among the sessions of the ERP, whatever stands between.
    program = f"malote-{os.getpid()}-{secrets.token_hex(3)}"
    presence = Presence(parts.engine)
    remembered = erp_memory.recall(parts.engine).schema
    connect = partial(open_configured, settings, named(settings.erp_url, program), presence.at, remembered=remembered)
    watch = open_watch(settings.erp_url, tables_of(settings), partial(watched, parts.engine))
    lookout = Lookout(watch, program)
    products = Remembered(partial(cures.product_map, parts.engine))
    return Poster(
        parts.spool,
        connect,
        parts.keep,
        settings.posting,
        settings.store,
        lookout=lookout,
        products=products,
        presence=presence,
        guard=LedgerGuard(parts.engine, sales=settings.books.compare_sales),
    )
