"""What people were told of findings, and what is still to be told. Times are seconds since the epoch.

No address of a target stands here: a target is known by a hash of it. A change needs a migration.
"""

from sqlalchemy import BigInteger, Column, Double, Integer, Table, Text, text

from malote.database.partial_index import PartialIndex
from malote.database.tables import ROW_ID, metadata

alert_state = Table(
    "alert_state",
    metadata,
    Column("code", Text, primary_key=True, nullable=False),
    Column("seen_at", Double, nullable=False),
    Column("gone_at", Double),
    Column("day", Text, nullable=False),  # the business day on which it was told last
    Column("told", Integer, nullable=False),  # steps told on it; negative once it was told that it is over
    Column("silenced_until", Double, nullable=False),
)

# Written in the transaction of the decision, sent afterwards: a restart neither repeats nor forgets one.
alert_notice = Table(
    "alert_notice",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("code", Text, nullable=False),
    Column("kind", Text, nullable=False),  # "begun", "over", "test"
    Column("target", Text, nullable=False),  # hash of the address
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("value", BigInteger, nullable=False),  # cents
    Column("made_at", Double, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Double),  # NULL once it is sent, or given up
    Column("sent_at", Double),
    PartialIndex(
        "alert_notice_open",
        "next_at",
        where=text("next_at IS NOT NULL"),
    ),
)
