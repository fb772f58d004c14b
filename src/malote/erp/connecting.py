"""What both engines do around a transaction: open it, tell its errors apart, read in steps."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg
from sqlalchemy import Connection, exc, select

from malote.erp import structure, tables
from malote.erp.faults import classify
from malote.erp.protocol import BookedSale, ErpError
from malote.erp.values import OutOfRangeError

# All that a driver raises for the ERP's sake.
DRIVER_ERRORS = (exc.SQLAlchemyError, psycopg.Error, sqlite3.Error, OutOfRangeError, OverflowError)
_STEP = 5000  # rows in memory while reading all of them

Transaction = Callable[[], AbstractContextManager[Connection]]


@contextmanager
def classified(table: str = "") -> Iterator[None]:
    """Turns the driver's errors into ``ErpError``."""
    try:
        yield
    except DRIVER_ERRORS as error:
        raise classify(error, table) from error


def named(error: ErpError, transaction: Transaction) -> ErpError:
    """The same with what is missing, where the structure is at fault: the server tells it only in words."""
    if error.code != "structure_outdated":
        return error
    with classified(), transaction() as connection:
        lacking = structure.missing(connection)
    return ErpError(error.code, transient=False, detail=", ".join(lacking)) if lacking else error


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
