"""The poster's guard: nothing is booked into a ledger that lacks what was booked before, until a person says why.

An older copy of the ERP put in place of the present one, an address that leads to another database, a schema that hides
the ledger: in each of them posting would go on cheerfully, and what is gone would be gone for good.
"""

import time
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Engine

from malote import log as logs
from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.erp.connecting import LEDGER_HARMED, harmed
from malote.erp.protocol import Erp, ErpError
from malote.posting.refusal_evidence import general
from malote.reconciliation import erp_comparison, erp_memory
from malote.reconciliation.book_days import PRINTED, Calendar
from malote.reconciliation.erp_memory import ErpTrouble
from malote.spool.documents import LeasedDocument

LEDGER_SHORT = "erp_ledger_short"
LEDGER_GONE = "erp_ledger_gone"
LOOK_SECONDS = 20.0  # between looks over one connection; a new connection is looked at before anything else
NEWEST = 200  # documents, at such a look
# After a start: a store database put back to before gets from its tills again what the ERP has already.
SENT_AGAIN_SECONDS = 120.0

log = logs.get_logger("malote.posting")


class LedgerGuard:
    """Of one poster, over the store database. For one thread."""

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], float] = time.time,
        *,
        sales: bool = True,
        calendar: Calendar = PRINTED,
    ) -> None:
        """``calendar``: which business day a sale is of.

        ``sales``: whether the ERP's sales themselves are compared too, and not only its ledger."""
        self._engine = engine
        self._clock = clock
        self._sales = sales
        self._calendar = calendar
        self._looked_at = float("-inf")
        self._connection = -1  # the number of the one that was looked at
        self._trouble: ErpTrouble | None = None
        self._began_at = float("-inf")  # of the first look

    def check(self, erp: Erp) -> None:
        """Looks if it is time to. Raises ``ErpError`` while the ledger lacks something, and what the ERP raises."""
        if self._is_due(erp):
            try:
                self._look_or_settle(erp)
            except ErpError as error:
                if error.code != LEDGER_HARMED:
                    raise
                raise self._named(erp, error) from error
        elif self._trouble is not None:
            # It may have been accepted meanwhile, or be on its way to be booked again.
            self._trouble = erp_memory.recall(self._engine).trouble
            if self._trouble is None:
                self._look(erp)  # what the ERP must have from now on is another
        if self._trouble is not None:
            raise ledger_short(self._trouble, erp.schema)

    def look(self, erp: Erp) -> ErpError | None:
        """The same for a poster that has nothing to do: what would keep it from booking, if anything does."""
        try:
            self.check(erp)
        except ErpError as error:
            log.debug("ledger_not_right", code=error.code, detail=error.detail)
            return error
        return None

    def tried(self, held: Sequence[LeasedDocument], failure: ErpError | None) -> None:
        """Whether it is there now is looked at next where something was booked again; and what became of the ledger
        where booking met that something had: what to do of one that is gone is not what to do of one that was altered.
        """
        if any(one.again for one in held) or (failure is not None and failure.code == LEDGER_HARMED):
            self._looked_at = float("-inf")

    def _is_due(self, erp: Erp) -> bool:
        elapsed = self._clock() - self._looked_at
        return erp.connections.count != self._connection or not 0 <= elapsed < LOOK_SECONDS

    def _look_or_settle(self, erp: Erp) -> None:
        try:
            self._look(erp)
        except ErpError as error:
            if error.transient:
                raise
            if error.code != "structure_outdated":
                raise general(error) from error
            self._settle_for_ledger(erp, error)

    def _settle_for_ledger(self, erp: Erp, error: ErpError) -> None:
        """Nothing, where the ledger has all that was newest, and only the sales' own tables lack something: booking
        meets that too, names it, and writes nothing. What was known of the sales stays as it is. Raises ``ErpError``.
        """
        if not erp_comparison.has_newest(self._engine, erp, erp_memory.NEWEST):
            raise general(error) from error
        self._looked_at, self._connection = self._clock(), erp.connections.count

    def _named(self, erp: Erp, error: ErpError) -> ErpError:
        """What became of the ledger. Where its table isn't there and something was booked, an empty database may be
        behind the address, or somebody renamed it; where nothing ever was, there may be none yet."""
        harms, name = erp.ledger_harms(), erp.tables.ledger_name
        if name in harms and erp_memory.newest(self._engine):
            schema = erp_memory.recall(self._engine).schema
            return ErpError(LEDGER_GONE, detail=f"{schema}.{name}" if schema else name)
        return harmed(harms, error)

    def _look(self, erp: Erp) -> None:
        if lost := erp.lost_keys():
            raise ErpError(LEDGER_HARMED, detail=", ".join(lost))
        known = erp_memory.recall(self._engine)
        fresh = self._connection < 0 or erp.connections.count != self._connection or known.trouble is not None
        now = self._clock()
        newest = erp_memory.NEWEST if fresh else NEWEST
        if self._connection < 0:
            self._began_at = now
        unsent = not 0 <= now - self._began_at < SENT_AGAIN_SECONDS
        self._trouble = erp_memory.look(
            self._engine, erp, now, newest=newest, sales=self._sales, calendar=self._calendar, unsent=unsent
        )
        if erp.schema != known.schema:
            erp_memory.remember(self._engine, erp.schema, now)
        if self._trouble and not known.trouble:
            log.error(LEDGER_SHORT, missing=self._trouble.missing, total=self._trouble.total, schema=erp.schema)
        if self._trouble is None:
            erp.expect(erp_memory.newest(self._engine))
        self._looked_at, self._connection = now, erp.connections.count


def ledger_short(trouble: ErpTrouble, schema: str) -> ErpError:
    """What all documents wait for meanwhile."""
    facts = erp_memory.facts_of(trouble, schema)
    detail = f"{trouble.missing}" + (f", {schema}" if schema else "")
    return ErpError(LEDGER_SHORT, detail=detail, facts=facts)


def accept(engine: Engine, actor: Actor, reason: str, now: float) -> tuple[int, int] | None:
    """A person says why the ERP lacks documents, or has them otherwise: how many, and how many cents, if any.

    Posting goes on, and the audit trail has the reason. Raises ``StoreError``.
    """

    def tell(connection: Connection, count: int, total: int) -> None:
        after = {"missing": count, "total_cents": total}
        audit.record(connection, actor, "erp_ledger_accepted", "erp", after=after, reason=reason, now=now)

    return erp_memory.accept(engine, now, tell)
