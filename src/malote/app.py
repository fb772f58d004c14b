"""The composition root: the only place where the server's parts are wired together.

How the bigger ones are put together: app_building.py. What runs: app_workers.py. What pages ask: app_console.py.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from malote import private
from malote.config import Settings
from malote.database.engine import reading
from malote.database.opened import open_store
from malote.once import once

if TYPE_CHECKING:
    from malote.alerts.alert_service import Alerts
    from malote.consumers.accounts import Consumer
    from malote.consumers.consumer_service import Consumers
    from malote.consumers.lines import SaleTold
    from malote.consumers.pulling import Page
    from malote.intake.receive import Intake
    from malote.load_format.wire import LoadNews, Manifest, ManifestQuery
    from malote.loads.background_loads import BackgroundLoads
    from malote.loads.files_made import PublishedFile
    from malote.loads.load_service import Loads
    from malote.locks.lock_service import Locks
    from malote.orders.book import OrderBook
    from malote.orders.older_agents import ToldOrders
    from malote.quarantine.jobs import Jobs
    from malote.quarantine.quarantine_service import Quarantine
    from malote.quarantine.synchronising import Synchronisation
    from malote.reconciliation.erp_memory import OutsideErp
    from malote.register.documents import TillStatus
    from malote.remembered import Remembered
    from malote.runbook.runbook_service import Runbook
    from malote.spool.documents import RejectedDocument
    from malote.spool.series_holds import Looked
    from malote.spool.sql_queue import Spool
    from malote.structures.structure_service import Structures
    from malote.tills.contact import Recorded
    from malote.tills.till import Till
    from malote.trust.principals import Gate
    from malote.trust.signing_key import SigningKey
    from malote.vitals import Vitals
    from malote.wire import Asked, Contact

OUTSIDE_SECONDS = 5.0  # between looks at what left the ERP, for the tills that ask in their contacts


class Services:
    """Everything the server is made of. A part is loaded and made when it is first asked for: a command that shows the
    tills needs no engine of an ERP."""

    def __init__(self, settings: Settings, engine: Engine, closed: private.Closed) -> None:
        """``closed``: what in the home folder others could read until now."""
        self.settings = settings
        self.engine = engine
        self.closed = closed

    @once
    def spool(self) -> "Spool":
        from malote.spool.sql_queue import Spool

        return Spool(self.engine, language=self.settings.language)

    @once
    def intake(self) -> "Intake":
        from malote.intake.receive import Intake
        from malote.quarantine import rejected_files

        settings = self.settings
        keep_all = partial(rejected_files.keep_all, settings.quarantine_path)
        return Intake(self.engine, self.spool, keep_all, settings.store, settings.intake, settings.fiscal.operations)

    @once
    def quarantine(self) -> "Quarantine":
        from malote.app_building import build_quarantine

        return build_quarantine(self.settings, self.engine, self.intake)

    @once
    def structures(self) -> "Structures":
        from malote.structures.structure_service import Structures

        return Structures(self.engine, self.settings)

    @once
    def key(self) -> "SigningKey":
        """With which everything is signed that this server publishes. Raises ``OSError`` for one that can't be read."""
        from malote.trust.signing_key import signing_key

        return signing_key(self.settings.home_path)

    @once
    def gate(self) -> "Gate":
        """Everybody who may speak, by every way to show who one is: another way is one more verifier here."""
        from malote.consumers import accounts as consumers
        from malote.tills import till as tills
        from malote.trust.principals import Gate

        return Gate([partial(tills.by_token, self.engine), partial(consumers.by_token, self.engine)])

    @once
    def orders(self) -> "OrderBook":
        from malote.app_building import build_orders

        return build_orders(self.engine, self.structures, self.key, self.loads.orders)

    @once
    def loads(self) -> "Loads":
        from malote.loads.load_service import Loads

        return Loads(self.engine, self.settings)

    @once
    def asked_loads(self) -> "BackgroundLoads":
        from malote.loads.background_loads import BackgroundLoads

        return BackgroundLoads(self.engine, self.loads)

    @once
    def synchronisation(self) -> "Synchronisation":
        from malote.quarantine.synchronising import Synchronisation

        return Synchronisation(self.engine, self.quarantine.judge)

    @once
    def jobs(self) -> "Jobs":
        from malote.quarantine.jobs import Jobs

        return Jobs(self.quarantine.parts, self.synchronisation)

    @once
    def locks(self) -> "Locks":
        from malote.app_building import build_locks

        return build_locks(self.settings, self.engine)

    @once
    def runbook(self) -> "Runbook":
        from malote.app_building import build_runbook

        return build_runbook(
            self.engine,
            self.settings,
            self.quarantine,
            self.synchronisation,
            self.structures,
            self.locks,
            self.jobs,
        )

    @once
    def consumers(self) -> "Consumers":
        from malote.consumers.consumer_service import Consumers

        return Consumers(self.engine, self.settings, self.key.derive)

    @once
    def alerts(self) -> "Alerts":
        from malote.alerts.alert_service import Alerts

        return Alerts(self.engine, self.settings)

    @once
    def vitals(self) -> "Vitals":
        from malote.vitals import Vitals

        return Vitals(self.engine, self.settings.home_path)

    def keep(self, rejected: "RejectedDocument") -> Path:
        """Durably into the quarantine. Raises ``OSError``."""
        from malote.quarantine import rejected_files

        return rejected_files.keep(self.settings.quarantine_path, rejected)

    def tills(self) -> "list[Till]":
        """All tills, disabled ones too. Raises ``StoreError``."""
        from malote.tills import till as tills

        return tills.list_tills(self.engine)

    def free_held(self) -> "Looked":
        """Looks at what waits because of its series, and frees what may go. Raises ``StoreError``."""
        from malote.spool import series_holds

        patience = self.settings.store.owner_hours * 3600
        return series_holds.look(self.engine, patience=patience, now=time.time())

    # ---- what the HTTP face asks; raise ``StoreError`` where nothing else is said ----

    @property
    def server_key(self) -> str:
        return self.key.public

    def file_of(self, till: "Till", access_key: str) -> bytes | None:
        from malote.spool import receipts

        return receipts.file_of(self.engine, till.id, access_key)

    def status_of(self, till: "Till") -> "TillStatus | None":
        from malote.register import till_documents

        return next(iter(till_documents.status(self.engine, till.id, now=time.time())), None)

    def record_contact(self, till: "Till", contact: "Contact") -> "Recorded":
        from malote.books import till_questions
        from malote.business_day import business_day
        from malote.tills import contact as contacts

        now = time.time()
        self.loads.orders.note(till, contact)  # before: whoever was heard of has said which list it has
        recorded = contacts.record_contact(self.engine, till.id, contact, received_at=now)
        if contact.told is not None:
            till_questions.heed(self.engine, business_day(self.settings.books), till.id, contact.told, now)
        return recorded

    def asked_of(self, till: "Till") -> "Asked | None":
        return self._asked(None).get(till.id)

    @once
    def _asked(self) -> "Remembered[None, dict[int, Asked]]":
        """Asked once for all tills that come within a few seconds."""
        from malote.books import till_questions
        from malote.remembered import Remembered

        return Remembered(lambda _: till_questions.asked(self.engine, time.time()), OUTSIDE_SECONDS)

    def orders_due(self, till: "Till", contact: "Contact") -> "ToldOrders":
        return self.orders.due(till, contact)

    def manifest(self, till: "Till", query: "ManifestQuery") -> "Manifest":
        return self.loads.manifest(till, query)

    def newest_load(self) -> "LoadNews":
        return self.loads.orders.news()

    def load_file(self, sha256: str) -> "PublishedFile | None":
        return self.loads.files.find(sha256)

    def note_custody(self, till: "Till", asked: Sequence[bytes], held: Collection[bytes]) -> None:
        from malote.tills import custody

        custody.note(self.engine, till.id, asked, held, time.time())

    def outside_erp(self, till: "Till") -> tuple[int, int]:
        found = self._outside(None).get(till.id)
        return (found.missing, found.missing_total) if found else (0, 0)

    @once
    def _outside(self) -> "Remembered[None, dict[int, OutsideErp]]":
        """Asked once for all tills that come within a few seconds: after a restored ERP there may be much to add up."""
        from malote.reconciliation import erp_memory
        from malote.remembered import Remembered

        def ask(_: None) -> "dict[int, OutsideErp]":
            with reading(self.engine) as connection:
                return erp_memory.outside(connection)

        return Remembered(ask, OUTSIDE_SECONDS)

    def pull(self, consumer: "Consumer", after: str, limit: int) -> "Page":
        return self.consumers.pull(consumer, after, limit)

    def find_sale(self, consumer: "Consumer", access_key: str) -> "SaleTold | None":
        return self.consumers.find_sale(consumer, access_key)

    def metrics(self) -> str:
        from malote.findings import metrics

        return metrics.text(self.engine, time.time())

    def troubles(self) -> list[str]:
        return self.vitals.troubles()

    def close(self) -> None:
        if "locks" in vars(self):
            self.locks.close()
        self.engine.dispose()


def open_services(settings: Settings) -> Services:
    """The store database, opened and brought up to date, and all that works on it.

    Raises ``StoreError``, ``OSError`` for a home folder that can't be made, ``SettingsError`` for an impossible
    address.
    """
    closed = make_home(settings)
    return Services(settings, open_store(settings), closed)


@contextmanager
def services_for(settings: Settings) -> Iterator[Services]:
    """``open_services``, closed at the end of the block."""
    services = open_services(settings)
    try:
        yield services
    finally:
        services.close()


def make_home(settings: Settings) -> private.Closed:
    """The home folder, closed to strangers, with all in it that holds consumers' data or keys. Raises ``OSError``.

    Says what in it was open to them.
    """
    home = settings.home_path
    if not home.exists():
        # The group may pass: a POS writes to entrada/ as a user of its own.
        home.mkdir(mode=0o750, parents=True)
    return private.close_home(home)
