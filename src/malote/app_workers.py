"""What runs beside the HTTP server, each in a thread of its own, and is started again when it fails."""

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from hashlib import sha256
from typing import Protocol

from malote import __version__, incidents
from malote import log as logs
from malote.accounts import users
from malote.app import Services, open_services
from malote.archive import keeping
from malote.books.kept_files import KeptFiles
from malote.books.nightly import Keeper
from malote.business_day import business_day
from malote.config import Settings
from malote.database import soundness
from malote.database.errors import StoreError
from malote.erp.factory import open_configured, tables_of
from malote.erp.sessions.factory import named, open_watch
from malote.erp.shadow import Shadow
from malote.intake import received_folder
from malote.intake.drop_folder import DropFolder
from malote.loads.replay_after_load import ReplayAfterLoad
from malote.loads.rounds import LoadRounds
from malote.locks import automatic, recording
from malote.orders import book as order_book
from malote.posting.ledger import LedgerGuard
from malote.posting.lookout import Lookout
from malote.posting.poster import Poster
from malote.posting.retry_after_update import look_again, try_one
from malote.reconciliation import erp_memory
from malote.register import flow_keeping
from malote.register.flow_keeping import FlowKeeper
from malote.schema.definition import StructureError
from malote.spool import leasing, retention
from malote.spool.mapped_codes import CurrentlyMapped
from malote.spool.presence import PosterPresence, watched
from malote.spool.sql_queue import Spool
from malote.tills import till as tills
from malote.tills.clocks import store_clock
from malote.tills.till import Till

HOUSEKEEPING_SECONDS = 3600.0  # between prunings
SERIES_SECONDS = 2.0  # between looks at what waits because of its series
REJOINING_SECONDS = 15.0  # between looks whether a structure that was missing has come
PRODUCTS_SECONDS = 5.0  # between looks whether a load has changed products
RESTART_SECONDS = 5.0  # before a worker that failed starts again
JOIN_SECONDS = 30.0  # for each worker to finish what it is doing

log = logs.get_logger("malote.app")


class Worker(Protocol):
    """Something that goes on until it is told to stop."""

    def __call__(self, stop: threading.Event) -> None: ...


def workers(services: Services, *, posting: bool, place: str = "") -> dict[str, Worker]:
    """What runs beside the HTTP server, by name. ``place``: where that listens, which no other does meanwhile."""
    chosen: dict[str, Worker] = {
        "housekeeping": partial(keep_house, services),
        "quarantine": services.quarantine.reconciler.run,
        "rejoining": partial(rejoin, services),
        "refused for products": partial(retry_after_loads, services),
        "series": partial(look_after_series, services),
        "jobs": services.jobs.run,
        "webhooks": services.consumers.deliver,
        "alerts": services.alerts.run,
        "loads": LoadRounds(services.engine, services.settings.loads, services.loads).run,
        "sold prices": services.loads.sold.run,
        "books": build_books(services).run,
        "kept files": KeptFiles(services.engine).run,
        "lock episodes": partial(recording.run, services.locks),
        "flow sums": build_flow_keeper(services).run,
        "soundness": partial(soundness.watch, services.engine),
    }
    if services.settings.intake.drop_folder:
        chosen["drop folder"] = build_drop_folder(services).run
    if posting:
        chosen["poster"] = build_poster(services.settings, services, place).run
    if services.settings.locks.automatic:
        chosen["lock rule"] = partial(automatic.run, services.locks)
    return chosen


def build_books(services: Services) -> Keeper:
    settings = services.settings
    return Keeper(
        services.engine,
        business_day(settings.books),
        lambda: services.key,
        closings=settings.closings_path,
        rules=settings.rules_path,
    )


def build_flow_keeper(services: Services) -> FlowKeeper:
    named = business_day(services.settings.books).zone
    return FlowKeeper(services.engine, lambda: store_clock(services.engine, named), time.time, __version__)


def build_drop_folder(services: Services) -> DropFolder:
    settings = services.settings
    listed = tills.listed(services.engine)
    intake = services.intake
    return DropFolder(
        settings.drop_path,
        intake.take_files,
        listed,
        settings.intake,
        admit=intake.quota.check,
        today=partial(_today, services),
    )


def _today(services: Services) -> date:
    """By the store's clock: the folders of received files are called after its days."""
    zone = store_clock(services.engine, business_day(services.settings.books).zone)
    return datetime.now(UTC).astimezone(zone).date()


def build_poster(settings: Settings, services: Services | None = None, place: str = "") -> Poster:
    """A poster over the spool and the ERP of the settings; it works in the thread that runs it.

    ``place``: an address of which this computer has only one; its sign of life takes the place of that of whoever was
    killed there, and what that one was booking is given out again at once.

    Raises ``ErpError`` for an address that no engine understands, and what ``open_services`` raises.
    """
    parts = services or open_services(settings)
    look_again(parts.engine, time.time())
    # Known by name among the sessions of the ERP, whatever stands between.
    here = f"{socket.gethostname()} {place}"
    began = f"malote-{sha256(here.encode()).hexdigest()[:8]}-" if place else f"malote-{os.getpid()}-"
    program = f"{began}{secrets.token_hex(3)}"
    presence = PosterPresence(parts.engine, owner=here if place else program)
    if place and (abandoned := leasing.take_back(parts.engine, began, time.time())):
        log.warning("leases_taken_back", documents=abandoned)
    remembered = erp_memory.recall(parts.engine).schema
    shadow = settings.store.shadow
    if not shadow:
        erp_memory.doubt(parts.engine)
    connect = partial(open_configured, settings, named(settings.erp_url, program), presence.at, remembered=remembered)
    watch = open_watch(settings.erp_url, tables_of(settings), partial(watched, parts.engine))
    lookout = Lookout(watch, program)
    return Poster(
        parts.spool,
        parts.engine,
        (lambda: Shadow(connect())) if shadow else connect,
        parts.keep,
        settings.posting,
        settings.store,
        lookout=lookout,
        codes=CurrentlyMapped(parts.engine),
        presence=presence,
        # In shadow there may be no ledger yet, and nothing is booked into it.
        guard=None
        if shadow
        else LedgerGuard(parts.engine, sales=settings.books.compare_sales, calendar=business_day(settings.books)),
    )


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


def retry_after_loads(services: Services, stop: threading.Event) -> None:
    """Lets the ERP look again at what it refused, once a load has changed products."""
    again = ReplayAfterLoad(services.engine)
    while not stop.wait(PRODUCTS_SECONDS):
        try:
            replayed = again.look(time.time())
        except StoreError as error:
            log.warning("refused_wait", code=error.code)
            continue
        if replayed:
            log.info("refused_replayed", documents=replayed)


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
    """What its retention has ended for: ended sessions, trash, posted pouches, received files. And what a restored
    server doesn't know is asked of its tills.

    One that can't be dropped now holds back none of the others; it is tried again at the next housekeeping.
    """
    settings = services.settings
    before = received_folder.first_day_kept(_today(services), settings.intake.drop_keep_days)
    proven = partial(_proven, services.spool)
    steps: dict[str, Callable[[], int | None]] = {
        "sessions": lambda: users.purge(services.engine, now=time.time()),
        "trash": services.quarantine.purge,
        "pouches": lambda: _prune_pouches(services, time.time() - settings.retention.posted_days * 86400),
        "jobs": services.jobs.forget,
        "after_restore": services.synchronisation.after_restore,
        "put_aside": lambda: try_one(services.engine, time.time()),
        "orders": lambda: order_book.sweep(services.engine, time.time()),
        "lock_episodes": services.locks.forget_episodes,
        "flow_sums": lambda: flow_keeping.forget(services.engine, time.time()),
        "loads": services.loads.sweep,
        "received": lambda: received_folder.prune(settings.drop_path, services.tills(), before, proven),
    }
    counts = {name: _alone(name, step) for name, step in steps.items()}
    if any(counts.values()):
        log.info("pruned", **counts)


def _prune_pouches(services: Services, before: float) -> int:
    """Not those of which a consumer lacks something, for a while: that is told, since they fill the disk."""
    folder = services.settings.archive_path
    if folder is not None:
        keeping.archive(services.engine, folder, before)
    pruned = retention.prune(
        services.engine, before, services.consumers.hold(before), now=time.time(), only_archived=folder is not None
    )
    if held := services.consumers.held_back(time.time()):
        log.warning("consumers_hold_content", pouches=held)
    return pruned


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
        except BaseException as error:  # noqa: BLE001 - outermost loop: an exit that a library asks for ends no thread
            incidents.report("worker_failed", error, worker=name)
            stop.wait(RESTART_SECONDS)
