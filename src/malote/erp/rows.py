"""Between documents and rows of the ERP's tables, both ways. A column is called as the field it holds."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, select

from malote.erp import tables
from malote.erp.protocol import Posting
from malote.fiscal.documents import Cancellation, Item, NumberVoid, Payment, Protocol, Sale, Taxes, Totals

Row = dict[str, Any]

_TAXES = tuple(field.name for field in msgspec.structs.fields(Taxes))
_TOTALS = tuple(field.name for field in msgspec.structs.fields(Totals))
_ITEM = tuple(field.name for field in msgspec.structs.fields(Item) if field.name != "taxes")
_PAYMENT = tuple(field.name for field in msgspec.structs.fields(Payment))
_SALE = tuple(
    field.name
    for field in msgspec.structs.fields(Sale)
    if field.name not in {"items", "payments", "totals", "protocol"}
)

_item_columns = ("access_key", *_ITEM, *_TAXES)
_item_values = attrgetter(*_ITEM, *(f"taxes.{name}" for name in _TAXES))
_sale_columns = (*_SALE, *_TOTALS)
_sale_values = attrgetter(*_SALE, *(f"totals.{name}" for name in _TOTALS))
_payment_columns = ("access_key", "number", *_PAYMENT)
_payment_values = attrgetter(*_PAYMENT)


def sale_row(sale: Sale, till: str) -> Row:
    row = dict(zip(_sale_columns, _sale_values(sale), strict=True))
    return row | {"till": till} | protocol_row(sale.protocol)


def item_rows(sale: Sale) -> list[Row]:
    key = sale.access_key
    return [dict(zip(_item_columns, (key, *_item_values(item)), strict=True)) for item in sale.items]


def payment_rows(sale: Sale) -> list[Row]:
    key = sale.access_key
    return [
        dict(zip(_payment_columns, (key, number, *_payment_values(payment)), strict=True))
        for number, payment in enumerate(sale.payments, 1)
    ]


def protocol_row(protocol: Protocol | None) -> Row:
    if protocol is None:
        return {"protocol_number": "", "protocol_status": None, "protocol_at": None}
    return {"protocol_number": protocol.number, "protocol_status": protocol.status, "protocol_at": protocol.at}


def cancellation_row(document: Cancellation, till: str) -> Row:
    return _flat(document) | {"till": till} | protocol_row(document.protocol)


def void_row(document: NumberVoid, till: str) -> Row:
    return _flat(document) | {"till": till} | protocol_row(document.protocol)


def _flat(document: Cancellation | NumberVoid) -> Row:
    row = msgspec.structs.asdict(document)
    del row["protocol"]
    return row


def ledger_rows(postings: Mapping[str, Posting]) -> list[Row]:
    """The ledger's entries, by identity."""
    return [
        {
            "identity": identity,
            "content_hash": posting.content_hash,
            "till": posting.till,
            "document_id": posting.document_id,
        }
        for identity, posting in postings.items()
    ]


def booked_sales(connection: Connection, keys: Sequence[str]) -> dict[str, Sale]:
    """Sales as the ERP has them, by access key; the keys it doesn't have are left out."""
    items, payments = (_lines(connection, table, keys) for table in (tables.sale_item, tables.payment))
    statement = select(tables.sale).where(tables.sale.c.access_key.in_(keys))
    return {
        row["access_key"]: _sale(row, items[row["access_key"]], payments[row["access_key"]])
        for row in connection.execute(statement).mappings()
    }


def _lines(connection: Connection, table: Table, keys: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
    lines: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    statement = select(table).where(table.c.access_key.in_(keys)).order_by(table.c.access_key, table.c.number)
    for row in connection.execute(statement).mappings():
        lines[row["access_key"]].append(dict(row))
    return lines


def _sale(row: Mapping[Any, Any], items: Iterable[Mapping[str, Any]], payments: Iterable[Mapping[str, Any]]) -> Sale:
    return Sale(
        **{name: row[name] for name in _SALE},
        items=tuple(
            Item(**{name: item[name] for name in _ITEM}, taxes=Taxes(**{name: item[name] for name in _TAXES}))
            for item in items
        ),
        payments=tuple(Payment(**{name: payment[name] for name in _PAYMENT}) for payment in payments),
        totals=Totals(**{name: row[name] for name in _TOTALS}),
        protocol=_protocol(row),
    )


def _protocol(row: Mapping[Any, Any]) -> Protocol | None:
    if row["protocol_status"] is None:
        return None
    return Protocol(row["protocol_number"], row["protocol_status"], row["protocol_at"])
