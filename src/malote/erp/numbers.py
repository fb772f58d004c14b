"""One number, one sale: issuer, model, series and number are as unique as the key (the authority answers 539).

Who holds a number stands in the ledger beside the keys, under an identity that the access key itself tells: so every
server over one ERP meets the same guard, it is proved by the ledger's own unique key, and no ERP needs another table.
A SAT counts its own coupons, and starts again after the last: its model is not guarded.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from malote.erp import statements
from malote.erp.connecting import classified, over_ledger
from malote.erp.mapping import ErpTables
from malote.erp.protocol import ErpError
from malote.fiscal.documents import NumberVoid

GUARDED = frozenset({"55", "65"})
LARGEST_VOID = 10_000  # numbers; no authority voids more at once (cStat 201)
VOIDED = "void"  # who holds a number that was voided
UNREADABLE = "?"  # who holds one whose row says neither: somebody changed it, or it is damaged
_KEY_LENGTH = 44
PREFIX = "number:"
NUMBER = slice(6, 34)  # of a key: issuer, model, series, number
_MARK_LENGTH = 16


class NumberHolder(msgspec.Struct, frozen=True):
    """A booked sale as far as it matters to whose a number is."""

    authorised: bool
    cancelled_at: datetime | None


def identity_of(access_key: str) -> str | None:
    """The identity of the number that a sale has; None where numbers are not guarded."""
    if len(access_key) != _KEY_LENGTH or access_key[20:22] not in GUARDED:
        return None
    return PREFIX + access_key[NUMBER]


def identities_of(void: NumberVoid) -> list[str]:
    """Those of all numbers that are voided. Raises ``ErpError`` for more than any authority voids."""
    if void.model not in GUARDED:
        return []
    if void.last - void.first >= LARGEST_VOID:
        raise ErpError("void_too_wide", detail=f"{void.first}-{void.last}")
    series = f"{PREFIX}{void.issuer:0>14}{void.model}{void.series:03d}"
    return [f"{series}{number:09d}" for number in range(void.first, void.last + 1)]


def mark(holder: str) -> bytes:
    """What the ledger has under a number: of the key that holds it what the identity doesn't say."""
    return (holder if holder == VOIDED else holder[:6] + holder[34:]).encode()


def holder_of(identity: str, marked: bytes) -> str:
    """The key that holds the number, or ``VOIDED``, or ``UNREADABLE``."""
    said = bytes(marked).decode("ascii", "replace")
    if said == VOIDED:
        return VOIDED
    if len(said) != _MARK_LENGTH or not said.isdigit():
        return UNREADABLE
    return said[:6] + identity[len(PREFIX) :] + said[6:]


def holders(connection: Connection, erp: ErpTables, identities: Iterable[str]) -> dict[str, str]:
    """Who holds these numbers; those that nobody holds are left out."""
    found: dict[str, str] = {}
    wanted = set(identities)
    for some in statements.steps(wanted) if wanted else ():
        with over_ledger(erp.ledger_name):
            for row in connection.execute(statements.ledger_entries(erp, some)):
                found[row.identity] = holder_of(row.identity, row.content_hash)
    return found


def standings(connection: Connection, erp: ErpTables, keys: Iterable[str]) -> dict[str, NumberHolder]:
    """How the sales of these keys stand in the ERP; those it doesn't have are left out."""
    found: dict[str, NumberHolder] = {}
    wanted = set(keys)
    for some in statements.steps(wanted) if wanted else ():
        with classified(erp.sale.name):
            for key, status, cancelled_at in connection.execute(statements.standings(erp, some)):
                found[key] = NumberHolder(status is not None, cancelled_at)
    return found


def hand_over(connection: Connection, erp: ErpTables, identity: str, holder: str) -> None:
    """The number is another's from now on."""
    change_entry(connection, erp, identity, {"content_hash": mark(holder)})


def change_entry(connection: Connection, erp: ErpTables, identity: str, values: dict[str, Any]) -> None:
    """Changes what the ledger says under an identity: what is booked under it has changed."""
    statement = statements.change_entry(erp, list(values))
    with over_ledger(erp.ledger_name):
        connection.execute(statement, {"of_identity": identity, **values})
