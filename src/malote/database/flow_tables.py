"""Sums of what came and was booked, by time, and when servers started. Times are seconds since the epoch.

Kept by ``register/flow_keeping.py``, so that no look at the past counts it anew. A change here needs a migration.
"""

from sqlalchemy import BigInteger, Column, Double, Integer, PrimaryKeyConstraint, Table, Text

from malote.database.tables import metadata

flow_sum = Table(
    "flow_sum",
    metadata,
    Column("width", Integer, nullable=False),  # seconds that a slot is long
    Column("slot", BigInteger, nullable=False),  # its beginning; of a day, the midnight of the store's clock
    Column("what", Text, nullable=False),  # register.flow_slots.What
    Column("part", Text, nullable=False),  # a store, a reason's code, a range of lags; "" of what has no parts
    Column("count", BigInteger, nullable=False),
    Column("cents", BigInteger, nullable=False),
    PrimaryKeyConstraint("width", "slot", "what", "part", name="flow_sum_key"),
)

# One row, under 1: up to which document and which entry of the feed everything stands in the sums.
flow_counted = Table(
    "flow_counted",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("document_id", BigInteger, nullable=False),
    Column("feed_id", BigInteger, nullable=False),
)

server_start = Table(
    "server_start",
    metadata,
    Column("at", Double, primary_key=True),
    Column("version", Text, nullable=False),
)
