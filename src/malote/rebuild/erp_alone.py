"""Sales that stand in the ERP and in no file here: what a lost store database can be missed for, by name.

A till that still holds its files sends them again; of the others the ERP is the only witness, and the legal archive
lacks them.
"""

from collections.abc import Sequence
from contextlib import closing
from typing import TypeVar

from sqlalchemy import Engine, select

from malote.batches import batches
from malote.config import Settings
from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.erp.factory import open_configured
from malote.erp.protocol import BookedSale, EnteredSale, Erp, ErpError
from malote.rebuild.report import ErpAlone, SaleAlone
from malote.reconciliation import erp_memory

AnySale = TypeVar("AnySale", BookedSale, EnteredSale)

MOST_NAMED = 10_000
_AT_ONCE = 5000


def ask(engine: Engine, settings: Settings) -> ErpAlone:
    """What the configured ERP alone has. One that is away keeps nobody from having a store database again. Raises
    ``StoreError``."""
    try:
        with closing(open_configured(settings, remembered=erp_memory.recall(engine).schema)) as erp:
            return look(engine, erp)
    except ErpError as error:
        return ErpAlone(unasked=error.code)


def look(engine: Engine, erp: Erp) -> ErpAlone:
    """Reads all that the ERP has, in steps: its sales, and its ledger's others. Raises ``StoreError`` and what
    the ERP raises."""
    count, total = 0, 0
    named: list[SaleAlone] = []
    for some in batches(erp.booked(), _AT_ONCE):
        alone = _unknown(engine, some)
        count, total = count + len(alone), total + sum(one.total for one in alone)
        named += [_named(one) for one in alone[: MOST_NAMED - len(named)]]
    ledger_only = 0
    for entries in batches(erp.entered(), _AT_ONCE):
        unknown = _unknown(engine, [one for one in entries if not one.before])
        there = {row.access_key for row in erp.sales([one.access_key for one in unknown])} if unknown else set()
        gone = [one for one in unknown if one.access_key not in there]
        ledger_only += len(gone)
        named += [SaleAlone(one.till, one.access_key, None, "", False) for one in gone[: MOST_NAMED - len(named)]]
    return ErpAlone(count, total, named, ledger_only=ledger_only)


def _unknown(engine: Engine, some: Sequence[AnySale]) -> list[AnySale]:
    known: set[str | None] = set()
    with reading(engine) as connection:
        for keys in chunks([one.access_key for one in some]):
            known |= set(connection.scalars(select(documents.c.access_key).where(documents.c.access_key.in_(keys))))
    return [one for one in some if one.access_key not in known]


def _named(one: BookedSale) -> SaleAlone:
    return SaleAlone(one.till or "?", one.access_key, one.total, one.issued_at.isoformat() if one.issued_at else "")
