"""What happened to documents, and the consumers who are told of it; of the same metadata as ``tables``.

Times are seconds since the epoch. A change needs a migration.
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
    UniqueConstraint,
    text,
)

from malote.database.partial_index import PartialIndex
from malote.database.tables import ROW_ID, metadata

# Written in the transaction of the change itself; numbered after it, by one at a time, so that whoever has read up to
# a number never misses one that was committed later with a smaller one.
feed = Table(
    "feed",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("number", BigInteger),  # without gaps, from 1; NULL until somebody reads
    Column("document_id", ROW_ID, ForeignKey("document.id", name="feed_document"), nullable=False),
    Column("what", Text, nullable=False),  # spool.feed.What
    Column("code", Text),  # of the reason, where there is one
    Column("at", Double, nullable=False),
    UniqueConstraint("number", name="feed_number"),
    Index("feed_document_id", "document_id"),
    PartialIndex("feed_new", "id", where=text("number IS NULL")),
)

# One row, under 1: the newest number. Its lock is what numbers one at a time.
feed_head = Table(
    "feed_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
)

consumer = Table(
    "consumer",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),  # in lower case
    Column("kind", Text, nullable=False),  # accounts.consumers.Kind
    Column("scopes", Text, nullable=False),  # accounts.consumers.Scope, with blanks in between
    Column("address", Text, nullable=False),  # of a webhook; the path of a folder; "" of one that pulls
    Column("token_hash", LargeBinary),  # SHA-256, of one that pulls
    Column("secret_number", Integer, nullable=False),  # from which a webhook's secret is derived
    Column("created_at", Double, nullable=False),
    Column("revoked_at", Double),
    # What it got of the feed: everything up to this number.
    Column("got", BigInteger, nullable=False),
    Column("got_at", Double),
    # How a webhook fares: None and 0 while it answers.
    Column("failing_since", Double),
    Column("failure", Text),  # JSON, spool.documents.Reason
    Column("attempts", Integer, nullable=False),
    Column("retry_at", Double),
    Column("lease", Text),  # whose turn it is to deliver
    Column("lease_until", Double),
    UniqueConstraint("name_key", name="consumer_name_key"),
)

# What each got and when; deliveries that follow one another are one row.
consumer_log = Table(
    "consumer_log",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("consumer_id", ROW_ID, ForeignKey("consumer.id", name="consumer_log_consumer"), nullable=False),
    Column("what", Text, nullable=False),  # spool.deliveries.What
    Column("began_at", Double, nullable=False),
    Column("ended_at", Double, nullable=False),
    Column("first", BigInteger),  # numbers of the feed, both included
    Column("last", BigInteger),
    Column("count", BigInteger, nullable=False),
    Column("detail", Text, nullable=False),  # JSON object
    Index("consumer_log_consumer_id", "consumer_id", "id"),
)

# What a webhook refused while it took others: tried again at a slow pace until it takes it.
consumer_refusal = Table(
    "consumer_refusal",
    metadata,
    Column("consumer_id", ROW_ID, ForeignKey("consumer.id", name="consumer_refusal_consumer"), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("status", Integer, nullable=False),  # of its answer
    Column("refused_at", Double, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("retry_at", Double, nullable=False),
    PrimaryKeyConstraint("consumer_id", "number", name="consumer_refusal_key"),
    Index("consumer_refusal_retry", "retry_at"),
)

# A period that a person sends to a consumer again.
sending = Table(
    "sending",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("consumer_id", ROW_ID, ForeignKey("consumer.id", name="sending_consumer"), nullable=False),
    Column("since", Text, nullable=False),  # business days, both included
    Column("until", Text, nullable=False),
    Column("till", Text, nullable=False),  # its name; "" for all
    Column("position", Text, nullable=False),  # JSON [day, till, document] of the last one that was taken; "" before
    Column("started_at", Double, nullable=False),
    Column("finished_at", Double),
    Column("count", BigInteger, nullable=False),
    Column(
        "left_out", BigInteger, nullable=False, server_default=text("0")
    ),  # of these, not whole or without their file
    Index("sending_consumer_id", "consumer_id", "id"),
)
