"""One document booked into the real tables, looked at, and taken back: what would the ERP say?"""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from sqlalchemy import Connection, select

from malote.erp import transacting
from malote.erp.booking import Booking
from malote.erp.calling import UnbookedError
from malote.erp.connecting import Transaction, classified
from malote.erp.mapping import ERP_ID
from malote.erp.protocol import ErpError, Posting, Rehearsal, Touched

Named = Callable[[ErpError, Sequence[Posting]], ErpError]


class Engine(transacting.Engine, Protocol):
    """What it asks of an engine."""

    def touched(self, connection: Connection, known: Collection[str]) -> list[Touched]:
        """What the open transaction wrote, where the database tells. ``known``: CNPJs that may be shown."""
        ...


class _TakenBackError(Exception):
    """Ends the transaction."""


def rehearsal(engine: Engine, posting: Posting, transaction: Transaction, named: Named) -> Rehearsal:
    """Raises ``ErpError``, as posting would."""
    found: list[Rehearsal] = []
    try:
        with classified(), transaction() as connection:
            found.append(_booked(engine, connection, posting))
            raise _TakenBackError
    except _TakenBackError:
        return found[0]
    except UnbookedError as unbooked:
        return Rehearsal(unbooked.outcomes[posting.document_id], "", [])
    except ErpError as error:
        raise named(error, [posting]) from error


def _booked(engine: Engine, connection: Connection, posting: Posting) -> Rehearsal:
    outcome = Booking(engine, connection).book([posting])[0]
    key = getattr(posting.document, "access_key", "")
    known = (getattr(posting.document, "issuer", ""),)
    return Rehearsal(outcome, _called(engine, connection, key), engine.touched(connection, known))


def _called(engine: Engine, connection: Connection, access_key: str) -> str:
    sale = engine.tables.sale
    if engine.tables.profile.post is None:
        return ""
    asked = select(sale.columns[ERP_ID]).where(sale.columns.access_key == access_key)
    return connection.scalar(asked) or ""
