"""What all engines do around a transaction: open it, tell its errors apart, read in steps."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress

from sqlalchemy import Connection, Engine, event

from malote.erp import misfit, missing_references, statements, structure
from malote.erp.address import without
from malote.erp.faults import classify, raised
from malote.erp.mapping import ErpTables
from malote.erp.protocol import BookedSale, ErpError, OwnSale, Posting
from malote.erp.server_words import presentable
from malote.fiscal.documents import Answer, Sale

LEDGER_HARMED = "erp_ledger_harmed"
_NOT_WRITABLE = "55000"  # PostgreSQL's, of a view
_REMEMBERED_SECONDS = 2.0
STEP = 5000  # rows in memory while reading all of them
_AFTER = "!"  # put behind a key: before all that is behind it
_BEFORE_ALL = " "  # not "", which Oracle takes for NULL

Transaction = Callable[[], AbstractContextManager[Connection]]


@contextmanager
def classified(table: str = "", secrets: tuple[str, ...] = ()) -> Iterator[None]:
    """Turns the driver's errors into ``ErpError``, without the ``secrets`` of the address."""
    try:
        yield
    except raised() as error:
        told = classify(error, table)
        facts = {name: without(secrets, fact) for name, fact in told.facts.items()}
        spoken = without(secrets, told.spoken)
        raise ErpError(
            told.code,
            transient=told.transient,
            detail=facts["detail"],
            facts=facts,
            spoken=spoken,
            quoted=told.quoted,
            reference=told.reference,
        ) from error


@contextmanager
def over_ledger(table: str) -> Iterator[None]:
    """As ``classified``, around statements over the ledger alone. What stands there is Malote's own, and little of it a
    document's: whatever is refused there for good, or reads as something else, is the ledger's harm, and no sale's."""
    try:
        with classified(table):
            yield
    except ErpError as error:
        if error.transient and error.facts.get("sqlstate") != _NOT_WRITABLE:
            raise
        raise ErpError(LEDGER_HARMED, detail=error.detail, facts=error.facts, spoken=error.spoken) from error
    except (TypeError, ValueError) as error:
        raise ErpError(LEDGER_HARMED, detail=f"{table}: {type(error).__name__}") from error


class ConnectionCounter:
    """How many connections an engine has opened so far: whoever asks knows whether it is still the one of before."""

    def __init__(self, engine: Engine) -> None:
        self.count = 0
        event.listen(engine, "connect", self._opened)

    def _opened(self, connection: object, record: object) -> None:
        self.count += 1


class Naming:
    """Finds what a database lacks when a statement failed for its structure, or what the user may not do when it
    failed for that, since servers tell these only in words."""

    def __init__(
        self,
        transaction: Transaction,
        tables: ErpTables,
        *,
        privileges: Callable[[Connection], list[str]],
        otherwise: str,
        without_nul: str,
    ) -> None:
        """``privileges`` names those that are lacking; ``otherwise`` is the code when nothing is lacking after all;
        ``without_nul`` as in ``misfit.named``."""
        self._transaction = transaction
        self._tables = tables
        self._privileges = privileges
        self._otherwise = otherwise
        self._without_nul = without_nul
        self._lacking: list[str] = []
        self._harms: list[str] = []
        self._refused: list[str] = []
        self._looked_at = float("-inf")

    def __call__(self, error: ErpError, batch: Sequence[Posting] = ()) -> ErpError:
        error = _heard(error, batch)
        if error.code in (misfit.OUT_OF_RANGE, misfit.UNENCODABLE) and len(batch) == 1:
            return self._misfit(error, batch[0])
        if error.reference is not None and len(batch) == 1:
            self._note_missing(error, batch[0])
        if error.code not in ("structure_outdated", "erp_privilege", LEDGER_HARMED):
            return error
        # A batch that is halved down asks the same many times within seconds.
        if time.monotonic() - self._looked_at > _REMEMBERED_SECONDS:
            with classified(), self._transaction() as connection:
                self._refused = self._privileges(connection)
                self._lacking = structure.missing(connection, self._tables)
                self._harms = structure.ledger_harms(connection, self._tables)
            self._looked_at = time.monotonic()
        if self._refused:
            # Without USAGE on its schema, a table looks as if it were not there.
            return ErpError("erp_privilege", detail=", ".join(self._refused))
        if error.code == "erp_privilege":
            return error
        if error.code == LEDGER_HARMED:
            return harmed(self._harms, error)
        if self._lacking:
            return ErpError(error.code, detail=", ".join(self._lacking))
        return ErpError(self._otherwise, detail=error.detail, facts=error.facts)

    def _note_missing(self, error: ErpError, posting: Posting) -> None:
        """Of a user who may not look into the tables that are referred to, as nobody need for writing, by what the
        database quotes."""
        for is_quoted in (False, True):
            with suppress(ErpError), classified(), self._transaction() as connection:
                found = missing_references.found(connection, error, posting, self._tables, is_quoted=is_quoted)
                error.missing = tuple(found)
                return

    def _misfit(self, error: ErpError, posting: Posting) -> ErpError:
        with classified(), self._transaction() as connection:
            columns = misfit.live_columns(connection, self._tables)
            return misfit.named(error, posting, self._tables, columns, connection.dialect, self._without_nul)


def _heard(error: ErpError, batch: Sequence[Posting]) -> ErpError:
    """The database's words once more, now that it is known whose documents they are about."""
    if error.spoken:
        documents = [posting.document for posting in batch]
        known = {document.issuer for document in documents if not isinstance(document, Answer)}
        secrets = {document.consumer for document in documents if isinstance(document, Sale)}
        error.facts["said"] = presentable(error.spoken, known=known | set(error.facts.values()), secrets=secrets)
    return error


def harmed(harms: Sequence[str], error: ErpError) -> ErpError:
    """The same with what is wrong with the ledger, where that can be told."""
    return ErpError(LEDGER_HARMED, detail=", ".join(harms) or error.detail, facts=error.facts)


def ledger(transaction: Transaction, tables: ErpTables, identities: Sequence[str]) -> dict[str, bytes]:
    """The entries of the ledger under these identities."""
    found: dict[str, bytes] = {}
    for some in statements.steps(set(identities)):
        with over_ledger(tables.ledger_name), transaction() as connection:
            rows = connection.execute(statements.ledger_entries(tables, some))
            found |= {row.identity: bytes(row.content_hash) for row in rows}
    return found


def booked(transaction: Transaction, tables: ErpTables) -> Iterator[BookedSale]:
    """Every sale in the order of its key. Each step is a transaction of its own, so that none stays open."""
    statement = statements.booked_after(tables, STEP)
    after = _BEFORE_ALL
    while True:
        with classified(tables.sale.name), transaction() as connection:
            page = connection.execute(statement, {"after": after}).all()
        for key, till, total, issued_at, protocol_status, cancelled_at in page:
            after = key
            yield BookedSale(key, till, total, issued_at, protocol_status is not None, cancelled_at is not None)
        if len(page) < STEP:
            return


def entered(transaction: Transaction, tables: ErpTables) -> Iterator[tuple[str, str]]:
    """Key and till of every sale of the ledger. Each step is a transaction of its own."""
    statement, after = statements.entries_after(tables, STEP), "0"
    while True:
        with over_ledger(tables.ledger_name), transaction() as connection:
            page = [(row.identity.rstrip(), row.till) for row in connection.execute(statement, {"after": after})]
        yield from page
        if len(page) < STEP:
            return
        after = page[-1][0]


def sales_between(transaction: Transaction, tables: ErpTables, first: str, last: str) -> Iterator[OwnSale]:
    """See ``Erp``. Each step is a transaction of its own."""
    statement = statements.own_sales(tables, STEP)
    if statement is None:
        return
    while True:
        with classified(tables.sale.name), transaction() as connection:
            page = connection.execute(statement, {"first": first, "last": last}).all()
        for key, total, issued_at in page:
            yield OwnSale(key.rstrip(), total, issued_at)
        if len(page) < STEP:
            return
        first = page[-1][0].rstrip() + _AFTER
