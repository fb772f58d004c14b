"""What both engines do around a transaction: open it, tell its errors apart, read in steps."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import psycopg
from sqlalchemy import Connection, exc, select

from malote.erp import structure, tables
from malote.erp.faults import classify
from malote.erp.protocol import BookedSale, ErpError
from malote.erp.values import OutOfRangeError

# All that a driver raises for the ERP's sake.
DRIVER_ERRORS = (exc.SQLAlchemyError, psycopg.Error, sqlite3.Error, OutOfRangeError, OverflowError)
_REMEMBERED_SECONDS = 2.0
_STEP = 5000  # rows in memory while reading all of them
_KEYS_AT_ONCE = 500  # in one statement

Transaction = Callable[[], AbstractContextManager[Connection]]


@contextmanager
def classified(table: str = "") -> Iterator[None]:
    """Turns the driver's errors into ``ErpError``."""
    try:
        yield
    except DRIVER_ERRORS as error:
        raise classify(error, table) from error


class Naming:
    """Finds what a database lacks when a statement failed for its structure, since servers tell that only in words."""

    def __init__(self, transaction: Transaction, *, otherwise: str = "structure_outdated") -> None:
        """``otherwise`` is the code when nothing is lacking after all."""
        self._transaction = transaction
        self._otherwise = otherwise
        self._lacking: list[str] = []
        self._looked_at = float("-inf")

    def __call__(self, error: ErpError) -> ErpError:
        if error.code != "structure_outdated":
            return error
        # A batch that is halved down asks the same many times within seconds.
        if time.monotonic() - self._looked_at > _REMEMBERED_SECONDS:
            with classified(), self._transaction() as connection:
                self._lacking = structure.missing(connection)
            self._looked_at = time.monotonic()
        if self._lacking:
            return ErpError(error.code, transient=False, detail=", ".join(self._lacking))
        return ErpError(self._otherwise, transient=False, detail=error.detail)


def ledger(transaction: Transaction, identities: Sequence[str]) -> dict[str, bytes]:
    """The entries of the ledger under these identities."""
    key = tables.posting_key.c
    found: dict[str, bytes] = {}
    for start in range(0, len(identities), _KEYS_AT_ONCE):
        statement = select(key.identity, key.content_hash).where(
            key.identity.in_(identities[start : start + _KEYS_AT_ONCE])
        )
        with classified("posting_key"), transaction() as connection:
            found |= {row.identity: bytes(row.content_hash) for row in connection.execute(statement)}
    return found


def booked(transaction: Transaction) -> Iterator[BookedSale]:
    """Every sale in the order of its key. Each step is a transaction of its own, so that none stays open."""
    column = tables.sale.c
    statement = select(
        column.access_key, column.till, column.total, column.issued_at, column.protocol_status, column.cancelled_at
    ).order_by(column.access_key)
    after = ""
    while True:
        with classified("sale"), transaction() as connection:
            page = connection.execute(statement.where(column.access_key > after).limit(_STEP)).all()
        for key, till, total, issued_at, protocol_status, cancelled_at in page:
            after = key
            yield BookedSale(key, till, total, issued_at, protocol_status is not None, cancelled_at is not None)
        if len(page) < _STEP:
            return
