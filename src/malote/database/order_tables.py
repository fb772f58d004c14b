"""The book of orders to tills (orders/). A change needs a migration.

Times are seconds since the epoch by the server's clock; texts that say JSON hold msgspec's encoding.
"""

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Index, PrimaryKeyConstraint, Table, Text, text

from malote.database.partial_index import PartialIndex
from malote.database.tables import ROW_ID, metadata

_OPEN = text("ended_at IS NULL")

# What orders say: once, however many tills are told.
order_payload = Table(
    "order_payload",
    metadata,
    Column("sha256", Text, nullable=False),  # hex, of the content in UTF-8
    Column("content", Text, nullable=False),
    Column("written_at", Double, nullable=False),
    PrimaryKeyConstraint("sha256", name="order_payload_key"),
)

till_order = Table(
    "till_order",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("till_id", ROW_ID, ForeignKey("till.id", name="till_order_till"), nullable=False),
    Column("kind", Text, nullable=False),
    # What the till is told, and answers with: greater than those of the kind before; tills obey no smaller one.
    Column("number", BigInteger, nullable=False),
    Column("payload_sha256", Text, nullable=False),
    Column("signature", Text, nullable=False),  # hex, as the till was told last; empty before
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Double, nullable=False),
    Column("expires_at", BigInteger, nullable=False),  # what hasn't begun by then isn't; 0: never
    Column("state", Text, nullable=False),  # orders/rows.py
    Column("told_at", Double),  # the till was told; it may not have heard
    Column("begun_at", Double),  # the till said that it has it on its disk
    Column("obeyed_at", Double),  # the till said that it has done its part
    Column("ended_at", Double),
    Column("done", BigInteger, nullable=False),  # of ``total``, in ``unit``
    Column("total", BigInteger, nullable=False),
    Column("unit", Text, nullable=False),
    Column("moved_at", Double),  # when ``done`` last grew
    Column("seconds", Double),  # that the till says it took
    Column("code", Text, nullable=False),  # why it failed
    Column("facts", Text, nullable=False),  # JSON
    Column("note", Text, nullable=False),  # JSON, what its kind keeps beside it
    Column("result", Text, nullable=False),  # JSON, what its kind says at the end; empty before
    Index("till_order_number", "till_id", "kind", "number", unique=True),
    PartialIndex("till_order_open", "till_id", "kind", unique=True, where=_OPEN),
    Index("till_order_kind", "kind", "id"),
)
