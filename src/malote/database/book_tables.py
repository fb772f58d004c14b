"""What each till's business day comes to, kept as things change, so that nobody ever counts history.

A change needs a migration.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from malote.database.partial_index import PartialIndex
from malote.database.tables import ROW_ID, metadata

# Days of issue, as printed on the notes, of which something changed since it was counted: marked in the transaction of
# the change, taken away in the one that counts.
touched_day = Table(
    "touched_day",
    metadata,
    Column("till_id", ROW_ID, ForeignKey("till.id", name="touched_day_till"), nullable=False),
    Column("day", Text, nullable=False),  # YYYY-MM-DD
    Column("turn", BigInteger, nullable=False),
    PrimaryKeyConstraint("till_id", "day", name="touched_day_key"),
)

# Sales by key, each in the best state of its documents. Totals in cents.
book_day = Table(
    "book_day",
    metadata,
    Column("till_id", ROW_ID, ForeignKey("till.id", name="book_day_till"), nullable=False),
    Column("day", Text, nullable=False),  # YYYY-MM-DD, a business day
    *(
        Column(name, BigInteger, nullable=False)
        for state in ("arrived", "booked", "open", "rejected", "discarded")
        for name in (state, f"{state}_total")
    ),
    Column("oldest_at", Double),  # when the oldest that is still open arrived
    Column("last_id", BigInteger, nullable=False),  # of the newest booked document
    Column("ranges", Text, nullable=False),  # JSON: first and last key of what is booked, by month and series
    # How the ERP's rows of these ranges came out when each of them was last compared (reconciliation/erp_rounds.py).
    Column("prints", Text),
    Column("looked_to", BigInteger, nullable=False),  # the newest document among them
    Column("checked_at", Double, nullable=False),
    Column("closed_at", Double),  # when the chain had all of it; NULL once it was counted again (books/chain.py)
    # When it was held against the till's own digest; NULL once it was counted again: reconciliation/day_differences.py.
    Column("judged_at", Double),
    Column("ruled_at", Double),  # when the retailer's rules were asked about it; NULL once it was counted again
    PrimaryKeyConstraint("till_id", "day", name="book_day_key"),
    PartialIndex(
        "book_day_unruled",
        "day",
        where=text("ruled_at IS NULL"),
    ),
    PartialIndex(
        "book_day_unjudged",
        "day",
        where=text("judged_at IS NULL"),
    ),
    PartialIndex(
        "book_day_unproven",
        "day",
        where=text("looked_to < last_id"),
    ),
    Index("book_day_day", "day", "till_id"),
    Index("book_day_checked", "checked_at"),
    PartialIndex(
        "book_day_oldest",
        "oldest_at",
        where=text("oldest_at IS NOT NULL"),
    ),
)

# Days of which a till counts more sales than are here: few, since a row goes when they come (lacking_days.py).
lacking_day = Table(
    "lacking_day",
    metadata,
    Column("till_id", ROW_ID, ForeignKey("till.id", name="lacking_day_till"), nullable=False),
    Column("day", Text, nullable=False),  # YYYY-MM-DD, a business day
    Column("count", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),  # cents
    Column("since", Double, nullable=False),  # when the till first said so
    Column("accepted", BigInteger, nullable=False, server_default=text("0")),  # so many of them a person answers for
    PrimaryKeyConstraint("till_id", "day", name="lacking_day_key"),
    Index("lacking_day_day", "day"),
)

# Sales of a day that is over that a till and this server have otherwise (reconciliation/day_differences.py).
day_difference = Table(
    "day_difference",
    metadata,
    Column("till_id", ROW_ID, ForeignKey("till.id", name="day_difference_till"), nullable=False),
    Column("day", Text, nullable=False),  # YYYY-MM-DD, a business day
    Column("access_key", Text, nullable=False),  # "" while the till has not said which
    Column("what", Text, nullable=False),
    Column("till_total", BigInteger),  # cents; NULL where it has none
    Column("here_total", BigInteger),
    Column("found_at", Double, nullable=False),
    Column("accepted_at", Double),  # a person said why it is so
    PrimaryKeyConstraint("till_id", "day", "access_key", name="day_difference_key"),
)

# Closed days, a chain for each till: never changed, never removed (books/chain.py).
chained_day = Table(
    "chained_day",
    metadata,
    Column("till_id", ROW_ID, ForeignKey("till.id", name="chained_day_till"), nullable=False),
    Column("turn", BigInteger, nullable=False),  # from 1
    Column("day", Text, nullable=False),  # YYYY-MM-DD
    Column("statement", Text, nullable=False),  # JSON, as it was signed
    Column("signature", Text, nullable=False),  # hex
    Column("lines", LargeBinary, nullable=False),  # zstd of what it commits to
    Column("closed_at", Double, nullable=False),
    PrimaryKeyConstraint("till_id", "turn", name="chained_day_key"),
    Index("chained_day_day", "day", "till_id"),
)

# Numbers of a series that no document has: kept as documents come, so that nobody walks its history (books/gaps.py).
number_gap = Table(
    "number_gap",
    metadata,
    Column("issuer", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("series", BigInteger, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("till_id", ROW_ID, ForeignKey("till.id", name="number_gap_till"), nullable=False),
    Column("state", Text, nullable=False),  # books.gap_ranges.State
    Column("found_at", Double, nullable=False),  # when the sale behind it came
    Column("due", Text, nullable=False),  # YYYY-MM-DD: the last day on which it may be voided
    Column("told_at", Double),  # when the till last said whether it has these
    Column("accepted_at", Double),  # a person said why it is so
    Column("checked_at", Double, nullable=False),
    PrimaryKeyConstraint("issuer", "model", "series", "first", name="number_gap_key"),
    Index("number_gap_checked", "checked_at"),
    PartialIndex(
        "number_gap_open",
        "till_id",
        where=text("accepted_at IS NULL AND state <> 'voided'"),
    ),
)

# From where to where each series was looked at.
number_series = Table(
    "number_series",
    metadata,
    Column("issuer", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("series", BigInteger, nullable=False),
    Column("first", BigInteger, nullable=False),  # what lies below is from before the start
    Column("last", BigInteger, nullable=False),
    Column("started_at", Double, nullable=False),
    PrimaryKeyConstraint("issuer", "model", "series", name="number_series_key"),
)

# How far the walk over new documents has come, by document; one row, under 1.
number_walk = Table(
    "number_walk",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("walked_to", BigInteger, nullable=False),
    Column("seen_to", BigInteger, nullable=False),
    Column("walked_at", Double, nullable=False),
)

# What a POS says that a till took on a day, by way of payment, and what was booked of it (books/closings.py).
pos_closing = Table(
    "pos_closing",
    metadata,
    Column("till_id", ROW_ID, ForeignKey("till.id", name="pos_closing_till"), nullable=False),
    Column("day", Text, nullable=False),  # YYYY-MM-DD, a business day
    Column("totals", Text, nullable=False),  # JSON: cents by method
    Column("file", Text, nullable=False),  # its name
    Column("read_at", Double, nullable=False),
    Column("booked", Text),  # JSON: cents by method; NULL until the day is over
    Column("unread", BigInteger, nullable=False),  # booked sales whose files have left the server
    Column("differs", BigInteger, nullable=False),  # cents, over all methods; 0 also where it can't be told
    Column("judged_at", Double),  # when it was compared; NULL once its day was counted again
    Column("accepted_at", Double),  # a person said why it is so
    PrimaryKeyConstraint("till_id", "day", name="pos_closing_key"),
    PartialIndex(
        "pos_closing_unjudged",
        "day",
        where=text("judged_at IS NULL"),
    ),
    PartialIndex(
        "pos_closing_differs",
        "till_id",
        where=text("differs > 0 AND accepted_at IS NULL"),
    ),
)
