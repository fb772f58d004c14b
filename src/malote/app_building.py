"""The bigger parts of the server, put together of smaller ones, each loaded by the part that needs it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace
from sqlalchemy import Engine

from malote.config import Settings, limits_of
from malote.remembered import Remembered

if TYPE_CHECKING:
    from malote.fiscal.documents import Document
    from malote.intake.receive import Intake
    from malote.loads.load_orders import LoadOrders
    from malote.locks.lock_service import Locks
    from malote.orders.book import OrderBook
    from malote.orders.kinds import OrderKind
    from malote.quarantine.jobs import Jobs
    from malote.quarantine.quarantine_service import Quarantine
    from malote.quarantine.synchronising import Synchronisation
    from malote.runbook.runbook_service import Runbook
    from malote.schema.definition import Scope
    from malote.schema.structure_reports import Drift
    from malote.structures.structure_service import Structures
    from malote.trust.signing_key import SigningKey

DRIFT_SECONDS = 3.0  # between two looks at a database's structure, however many look at the procedure


def build_orders(
    engine: Engine, structures: "Structures", key: "SigningKey", loads: "LoadOrders", more: "Sequence[OrderKind]" = ()
) -> "OrderBook":
    """The book with every kind of orders there is: a new one is named here. ``more``: of tests."""
    from malote.orders import taking_over
    from malote.orders.book import OrderBook
    from malote.quarantine import synchronise_orders

    taking_over.take_over(engine)
    return OrderBook(engine, [synchronise_orders.KIND, structures.orders, loads, *more], key.sign)


def build_quarantine(settings: Settings, engine: Engine, intake: "Intake") -> "Quarantine":
    """The rejected files with all that is done about them."""
    from malote.fiscal.reader import read
    from malote.loads import lacking
    from malote.loads.proposing import ProductProposals
    from malote.quarantine import cure_difference
    from malote.quarantine.dependencies import QuarantineParts
    from malote.quarantine.quarantine_service import Quarantine

    limits = limits_of(settings.store, settings.intake)
    return Quarantine(
        QuarantineParts(
            engine=engine,
            folder=settings.quarantine_path,
            trash=settings.trash_path,
            settings=settings.quarantine,
            trash_days=settings.retention.trash_days,
            judge=cure_difference.mindful(engine, intake.judge),
            foreseeing=lambda: cure_difference.mindful(engine, intake.foreseeing()),
            take=intake.take_files,
            read=lambda content: read(content, limits),
            booked=partial(_booked, engine, settings),
            lacks_product=partial(lacking.product, engine),
            lacks_payment=partial(lacking.payment, engine),
            proposes=ProductProposals(engine),
            max_file_bytes=settings.intake.max_document_bytes,
        )
    )


def _booked(engine: Engine, settings: Settings, documents: "Sequence[Document]") -> list[bool]:
    """Which of the documents the ERP has with this content; on a connection of its own. Raises ``ErpError``."""
    from malote.erp.factory import open_configured
    from malote.fiscal.documents import has_content, identity
    from malote.reconciliation import erp_memory

    erp = open_configured(settings, remembered=erp_memory.recall(engine).schema)
    try:
        ledger = erp.ledger([identity(document) for document in documents])
    finally:
        erp.close()
    return [has_content(document, ledger.get(identity(document))) for document in documents]


def build_runbook(
    engine: Engine,
    settings: Settings,
    quarantine: "Quarantine",
    synchronisation: "Synchronisation",
    structures: "Structures",
    locks: "Locks",
    jobs: "Jobs",
) -> "Runbook":
    """The procedure over the services that the pages use. A structure is looked at every few seconds at most."""
    from malote.runbook.runbook_service import Runbook
    from malote.runbook.survey import SurveyParts as RunbookParts

    drift: Callable[[Scope], Drift] = Remembered(structures.drift, DRIFT_SECONDS)
    return Runbook(RunbookParts(engine, settings, quarantine, synchronisation, structures, locks, drift), jobs)


def build_locks(settings: Settings, engine: Engine) -> "Locks":
    """The lock console over the ERP of the settings. Nothing is connected yet."""
    from malote.erp.factory import tables_of
    from malote.erp.mapping import BUILT_IN
    from malote.erp.protocol import ErpError
    from malote.locks.lock_service import Locks

    try:
        tables = tables_of(settings)
    except ErpError:
        tables = BUILT_IN  # the poster says what is wrong with the profile
    chosen = settings.locks
    if chosen.dba_password_file:
        # From home, as `malote check` looks for it, whatever folder a service is started in.
        chosen = replace(chosen, dba_password_file=str(settings.home_path / chosen.dba_password_file))
    return Locks(engine, settings.erp_url, chosen, tables=tables)
