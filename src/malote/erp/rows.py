"""Between documents and rows by field, both ways: a row's names are those of the fields (``mapping`` takes it on)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import Connection

from malote.erp import booking_state, statements
from malote.erp.mapping import ErpTables, MappedTable
from malote.erp.protocol import Posting
from malote.fiscal.documents import Cancellation, Item, NumberVoid, Payment, Protocol, Sale, Taxes, Totals

Row = dict[str, Any]

_TAXES = tuple(field.name for field in msgspec.structs.fields(Taxes))
_TOTALS = tuple(field.name for field in msgspec.structs.fields(Totals))
_ITEM = tuple(field.name for field in msgspec.structs.fields(Item) if field.name != "taxes")
_PAYMENT = tuple(field.name for field in msgspec.structs.fields(Payment))
# Lines and totals have rows and columns of their own; what a sale says of other documents isn't booked.
_ELSEWHERE = {"items", "payments", "totals", "protocol"} | {"purpose", "direction", "references", "operation"}
_SALE = tuple(field.name for field in msgspec.structs.fields(Sale) if field.name not in _ELSEWHERE)

_item_columns = ("access_key", *_ITEM, *_TAXES)
_item_values = attrgetter(*_ITEM, *(f"taxes.{name}" for name in _TAXES))
_sale_columns = (*_SALE, *_TOTALS)
_sale_values = attrgetter(*_SALE, *(f"totals.{name}" for name in _TOTALS))
_payment_columns = ("access_key", "number", *_PAYMENT)
_payment_values = attrgetter(*_PAYMENT)


def sale_row(sale: Sale, till: str) -> Row:
    row = dict(zip(_sale_columns, _sale_values(sale), strict=True))
    return row | {"till": till} | protocol_row(sale.protocol)


def item_row(key: str, item: Item) -> Row:
    return dict(zip(_item_columns, (key, *_item_values(item)), strict=True))


def item_rows(sale: Sale) -> list[Row]:
    return [item_row(sale.access_key, item) for item in sale.items]


def payment_row(key: str, number: int, payment: Payment) -> Row:
    return dict(zip(_payment_columns, (key, number, *_payment_values(payment)), strict=True))


def payment_rows(sale: Sale) -> list[Row]:
    return [payment_row(sale.access_key, number, payment) for number, payment in enumerate(sale.payments, 1)]


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


def ledger_row(identity: str, posting: Posting, content_hash: bytes | None = None) -> Row:
    """An entry of the ledger: under a document's identity its content's hash, else what the identity asks for."""
    return {
        "identity": identity,
        "content_hash": posting.content_hash if content_hash is None else content_hash,
        "till": posting.till,
        "document_id": posting.document_id,
    }


def sales_with_lines(
    erp: ErpTables, postings: Sequence[tuple[Posting, Sale]]
) -> list[tuple[MappedTable, Sequence[Mapping[str, Any]]]]:
    """What is written for these sales, table by table, as rows for an INSERT."""
    sales = [(sale, sale_row(sale, posting.till)) for posting, sale in postings]
    written = [(erp.sale, [row for _, own in sales for row in erp.sale.rows([own])])]
    if item := erp.item:
        written.append((item, [row for sale, own in sales for row in item.rows(item_rows(sale), own)]))
    if payment := erp.payment:
        written.append((payment, [row for sale, own in sales for row in payment.rows(payment_rows(sale), own)]))
    return [(table, added) for table, added in written if added]


def stock_rows(stock: MappedTable, moves: Mapping[tuple[str, str], Decimal]) -> list[Row]:
    """What is added to the stock, one row for each of the ERP's own keys, in the order of these keys.

    ``moves`` come in the order of issuer and product.
    """
    fields = [
        {"issuer": issuer, "product_code": product, "quantity": quantity}
        for (issuer, product), quantity in moves.items()
    ]
    if stock.plain:
        return fields
    return added_up(stock.rows(fields))


def added_up(stock: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Rows of the stock, one for each key, in the order of these keys."""
    added: dict[tuple[Any, ...], Row] = {}
    for row in stock:
        key = tuple(value for name, value in row.items() if name != "quantity")
        if key in added:  # two products of the tills are one of the ERP's
            added[key]["quantity"] += row["quantity"]
        else:
            added[key] = dict(row)
    return [added[key] for key in sorted(added, key=_sortable)]


def _sortable(key: tuple[Any, ...]) -> tuple[tuple[bool, Any], ...]:
    return tuple((value is not None, value) for value in key)


# ---- and back ----


def booked_sales(connection: Connection, erp: ErpTables, arriving: Mapping[str, Sale]) -> dict[str, Sale]:
    """Sales as the ERP has them, by access key; those it doesn't have are left out.

    What a profile left out of the ERP, or put there in a way that can't be read back, is taken from the sale that
    arrives under the same key.
    """
    if erp.state is not None:
        kept = booking_state.kept(connection, erp.state, arriving)
        return {key: _whole(one.sale, arriving[key], erp) for key, one in kept.items()}
    booked: dict[str, Sale] = {}
    for keys in statements.steps(arriving):
        items = _lines(connection, erp.item, keys) if erp.item else None
        payments = _lines(connection, erp.payment, keys) if erp.payment else None
        for row in _read(connection, erp.sale, keys):
            key = row["access_key"]
            booked[key] = _sale(
                arriving[key],
                row,
                None if items is None else items[key],
                None if payments is None else payments[key],
            )
    return booked


def _whole(sale: Sale, arriving: Sale, erp: ErpTables) -> Sale:
    return sale if erp.keeps_consumers else msgspec.structs.replace(sale, consumer=arriving.consumer)


def _read(connection: Connection, table: MappedTable, keys: Sequence[str]) -> list[Row]:
    """Rows of these sales by field, as far as nothing was lost in the ERP's columns."""
    exactly = table.readable(exactly=True)
    found = connection.execute(statements.readable_rows(table, keys)).mappings()
    return [{name: table.read(name, row[name]) for name in exactly} for row in found]


def _lines(connection: Connection, table: MappedTable, keys: Sequence[str]) -> dict[str, list[Row]]:
    lines: dict[str, list[Row]] = defaultdict(list)
    for row in _read(connection, table, keys):
        lines[row["access_key"]].append(row)
    return lines


def _sale(like: Sale, row: Row, items: list[Row] | None, payments: list[Row] | None) -> Sale:
    return msgspec.structs.replace(
        like,
        **_only(row, _SALE),
        items=_read_items(like, items),
        payments=like.payments if payments is None else _read_lines(like.payments, payments, _payment),
        totals=msgspec.structs.replace(like.totals, **_only(row, _TOTALS)),
        protocol=_protocol(row),
    )


def _read_items(like: Sale, items: list[Row] | None) -> tuple[Item, ...]:
    if items is None:
        return like.items
    return _read_lines(sorted(like.items, key=lambda item: item.number), items, _item)


def _read_lines(like: Sequence[Any], lines: list[Row], make: Any) -> tuple[Any, ...]:
    """The lines in the order of their numbers. Without numbers there is no telling which is which: then only how many
    there are is told, by leaving out or repeating those that arrive."""
    if lines and "number" not in lines[0]:
        return tuple(like) if len(lines) == len(like) else tuple(like[:1]) * len(lines)
    in_order = sorted(lines, key=lambda line: line["number"])
    return tuple(make(like[place] if place < len(like) else None, line) for place, line in enumerate(in_order))


def _item(like: Item | None, line: Row) -> Item:
    base = like or Item(0, "", "", "", "", "", "", 0, 0, 0, 0, 0, 0, 0, True, Taxes())  # type: ignore[arg-type]
    taxes = msgspec.structs.replace(base.taxes, **_only(line, _TAXES))
    return msgspec.structs.replace(base, **_only(line, _ITEM), taxes=taxes)


def _payment(like: Payment | None, line: Row) -> Payment:
    return msgspec.structs.replace(like or Payment("", 0), **_only(line, _PAYMENT))


def _only(row: Row, names: Iterable[str]) -> Row:
    return {name: row[name] for name in names if name in row}


def _protocol(row: Row) -> Protocol | None:
    if row["protocol_status"] is None:
        return None
    return Protocol(row.get("protocol_number", ""), row["protocol_status"], row.get("protocol_at"))
