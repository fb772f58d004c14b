"""How far the closed days were written into their chain. Times are seconds since the epoch.

A change needs a migration.
"""

from sqlalchemy import Column, Double, Integer, Table, Text

from malote.database.tables import metadata

# One row, under 1: what the chain of closed days (books/chain.py) stands at, so that its standing still is seen by
# whoever looks, also where nobody writes it any more (books/closing_marks.py).
day_closing = Table(
    "day_closing",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("before", Text, nullable=False),  # YYYY-MM-DD: all days before it are in the chain; "" where none ever were
    Column("due_at", Double, nullable=False),  # by when the day after must be
    Column("key", Text, nullable=False),  # public, in hex, that signs the chain; "" before the first entry
    Column("failing_since", Double),  # while closing fails
    Column("failure_code", Text),  # why, as the catalogue has it; "" for what it doesn't know
    Column("failure", Text),  # in words of the system
)
