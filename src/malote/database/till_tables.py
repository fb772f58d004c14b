"""What tills say of their own books. A change needs a migration."""

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from malote.database.partial_index import PartialIndex
from malote.database.tables import ROW_ID, metadata


class NotedTrouble(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of ``till.troubles``: ``since`` in seconds since the epoch by this server's clock, ``value`` in cents."""

    code: str
    since: float
    count: int = 1
    value: int = 0
    facts: dict[str, str] = {}


# The till's own count of a business day, from its files and not from any answer of this server (docs/books.md).
till_day = Table(
    "till_day",
    metadata,
    Column("till_id", ROW_ID, ForeignKey("till.id", name="till_day_till"), nullable=False),
    Column("day", Text, nullable=False),  # YYYY-MM-DD
    Column("count", BigInteger, nullable=False),  # sales, by key
    Column("total", BigInteger, nullable=False),  # cents
    Column("sha256", Text, nullable=False),  # hex, over the lines KEY STATE CENTS
    Column("told_at", Double, nullable=False),  # when the till said so
    PrimaryKeyConstraint("till_id", "day", name="till_day_key"),
    Index("till_day_day", "day", "till_id"),
)

# Sales that a till lost with its disk (tills/lost_sales.py).
lost_sale = Table(
    "lost_sale",
    metadata,
    Column("till_id", ROW_ID, ForeignKey("till.id", name="lost_sale_till"), nullable=False),
    Column("identity", Text, nullable=False),  # the file's hash, else its key, else its number
    Column("name", Text, nullable=False),
    Column("file_sha256", LargeBinary),
    Column("access_key", Text),
    Column("series", BigInteger),
    Column("number", BigInteger),
    Column("issued_at", Text),  # ISO 8601 with zone
    Column("total", BigInteger),  # cents
    Column("told_at", Double, nullable=False),  # when the till first said so
    Column("accepted_at", Double),  # a person answered for it
    PrimaryKeyConstraint("till_id", "identity", name="lost_sale_key"),
    PartialIndex(
        "lost_sale_open",
        "till_id",
        where=text("accepted_at IS NULL"),
    ),
)
