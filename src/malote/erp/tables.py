"""The production database's tables, as Malote fills them. Their metadata is apart from the store database's.

``posting_key`` is the everlasting ledger: what is in it has been booked, once and for ever. It is never pruned.
Lines carry no foreign keys: they are written only together with their sale, and checking eight of them per sale
would buy nothing.
"""

from collections.abc import Iterator

import msgspec
from sqlalchemy import Column, Integer, MetaData, SmallInteger, Table

from malote.erp.values import DatabaseNow, Digest, Exact, Flag, KeyText, Money, Whole, Words, ZonedTime
from malote.fiscal.documents import Taxes, Totals

metadata = MetaData(naming_convention={"pk": "%(table_name)s_pkey"})


def _posted_at() -> Column[object]:
    return Column("posted_at", ZonedTime, nullable=False, server_default=DatabaseNow())


def _protocol() -> tuple[Column[object], ...]:
    """The authorisation: NULL throughout until there is one. The status tells, since a number may be absent."""
    return (
        Column("protocol_number", Words),
        Column("protocol_status", Whole(Integer)),
        Column("protocol_at", ZonedTime),
    )


def _money(*names: str) -> tuple[Column[object], ...]:
    return tuple(Column(name, Money, nullable=False) for name in names)


def _columns_of(struct: type[msgspec.Struct]) -> Iterator[Column[object]]:
    """A column for each field, of the same name: amounts are int, rates Decimal or None."""
    for field in msgspec.structs.fields(struct):
        if field.type is int:
            yield Column(field.name, Money, nullable=False)
        else:
            yield Column(field.name, Words if field.type is str else Exact(4))


posting_key = Table(
    "posting_key",
    metadata,
    Column("identity", KeyText(120), primary_key=True),
    Column("content_hash", Digest(), nullable=False),
    # Who booked it: a document that meets its own entry was booked before a crash, and is no duplicate.
    Column("till", Words, nullable=False),
    Column("document_id", Whole(), nullable=False),
    _posted_at(),
)

sale = Table(
    "sale",
    metadata,
    Column("access_key", KeyText(44), primary_key=True),
    Column("till", Words, nullable=False),
    Column("model", Words, nullable=False),
    Column("layout", Words),
    Column("issuer", Words, nullable=False),
    Column("series", Whole(), nullable=False),
    Column("number", Whole(), nullable=False),
    Column("issued_at", ZonedTime, nullable=False),
    Column("environment", Whole(SmallInteger), nullable=False),
    Column("emission", Whole(SmallInteger), nullable=False),
    Column("consumer", Words),
    *_columns_of(Totals),
    Column("change", Money, nullable=False),
    Column("norm", Words),
    Column("contingency_at", ZonedTime),
    Column("contingency_reason", Words(500)),
    *_protocol(),
    Column("cancelled_at", ZonedTime),
    _posted_at(),
)

sale_item = Table(
    "sale_item",
    metadata,
    Column("access_key", KeyText(44), primary_key=True),
    Column("number", Whole(Integer), primary_key=True, autoincrement=False),
    Column("product_code", Words),
    Column("gtin", Words),
    Column("description", Words(500)),
    Column("ncm", Words),
    Column("cfop", Words),
    Column("unit", Words),
    Column("quantity", Exact(4), nullable=False),
    Column("unit_price", Exact(10), nullable=False),
    *_money("gross", "discount", "freight", "insurance", "other"),
    Column("in_total", Flag, nullable=False),
    *_columns_of(Taxes),
)

payment = Table(
    "payment",
    metadata,
    Column("access_key", KeyText(44), primary_key=True),
    Column("number", Whole(Integer), primary_key=True, autoincrement=False),  # from 1, in the document's order
    Column("method", Words),
    Column("amount", Money, nullable=False),
    Column("acquirer", Words),
    Column("brand", Words),
    Column("authorisation", Words),
    Column("description", Words(500)),
)

stock = Table(
    "stock",
    metadata,
    Column("issuer", KeyText(14), primary_key=True),
    Column("product_code", KeyText(60), primary_key=True),
    # May be negative: what was sold left the shelf, whatever the books said of it.
    Column("quantity", Exact(4, integer_digits=15), nullable=False),
)

cancellation = Table(
    "cancellation",
    metadata,
    Column("access_key", KeyText(44), primary_key=True),
    Column("till", Words, nullable=False),
    Column("event", Words, nullable=False),
    Column("sequence", Whole(Integer), nullable=False),
    Column("issuer", Words),
    Column("at", ZonedTime, nullable=False),
    Column("environment", Whole(SmallInteger), nullable=False),
    Column("sale_protocol", Words),
    Column("reason", Words(500)),
    Column("substitute", Words),
    *_protocol(),
    _posted_at(),
)

number_void = Table(
    "number_void",
    metadata,
    Column("issuer", KeyText(14), primary_key=True),
    Column("model", KeyText(2), primary_key=True),
    Column("series", Whole(), primary_key=True, autoincrement=False),
    Column("year", Whole(Integer), primary_key=True, autoincrement=False),
    Column("first", Whole(), primary_key=True, autoincrement=False),
    Column("last", Whole(), primary_key=True, autoincrement=False),
    Column("till", Words, nullable=False),
    Column("environment", Whole(SmallInteger), nullable=False),
    Column("reason", Words(500)),
    Column("at", ZonedTime),
    *_protocol(),
    _posted_at(),
)
