"""The composition root: the only place where the server's parts are wired together. What runs: app_workers.py."""

import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Engine

from malote import private
from malote.accounts import tills
from malote.accounts.tills import Till
from malote.alerts.services import Alerts
from malote.api import services as api
from malote.books.days import business_day
from malote.config import Settings, limits_of
from malote.consumers.services import Consumers
from malote.database.engine import open_database
from malote.database.migrations import migrate
from malote.erp.engines import open_configured, tables_of
from malote.erp.mapping import BUILT_IN
from malote.erp.protocol import ErpError
from malote.erp.sessions.engines import open_watch
from malote.erp.sessions.watching import named
from malote.erp.shadow import Shadow
from malote.findings import metrics
from malote.fiscal.documents import Document, has_content, identity
from malote.fiscal.reader import read
from malote.intake.drop_folder import DropFolder
from malote.intake.receive import Intake
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
from malote.structures.services import Structures
from malote.vitals import Vitals


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
    consumers: Consumers
    alerts: Alerts

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
    consumers = Consumers(engine, settings, structures.derive)
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
        consumers=consumers,
        alerts=Alerts(engine, settings),
        authenticate=partial(tills.authenticate, engine),
        authenticate_consumer=consumers.authenticate,
        pull=consumers.pull,
        metrics=lambda: metrics.text(engine, time.time()),
        find_sale=consumers.find_sale,
        record_contact=lambda till, contact: tills.record_contact(engine, till.id, contact, received_at=time.time()),
        sync_due=lambda till, obeyed: synchronising.due(engine, till.id, obeyed, now=time.time()),
        troubles=Vitals(engine, settings.home_path).troubles,
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
            foreseeing=lambda: cures.mindful(engine, intake.foreseeing()),
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
    presence = Presence(parts.engine, owner=program)
    remembered = erp_memory.recall(parts.engine).schema
    shadow = settings.store.shadow
    connect = partial(open_configured, settings, named(settings.erp_url, program), presence.at, remembered=remembered)
    watch = open_watch(settings.erp_url, tables_of(settings), partial(watched, parts.engine))
    lookout = Lookout(watch, program)
    products = Remembered(partial(cures.product_map, parts.engine))
    return Poster(
        parts.spool,
        (lambda: Shadow(connect())) if shadow else connect,
        parts.keep,
        settings.posting,
        settings.store,
        lookout=lookout,
        products=products,
        presence=presence,
        # In shadow there may be no ledger yet, and nothing is booked into it.
        guard=None
        if shadow
        else LedgerGuard(parts.engine, sales=settings.books.compare_sales, calendar=business_day(settings.books)),
    )
