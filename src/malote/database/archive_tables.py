"""What of the legal archive was written before pruning; of the same metadata as ``tables``.

A change needs a migration.
"""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, Table, Text

from malote.database.tables import ROW_ID, metadata

# One file of the archive: the documents of one issuer and month up to ``last_id``, beyond those of the part before.
archive_part = Table(
    "archive_part",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("month", Text, nullable=False),  # YYYY-MM
    Column("part", Integer, nullable=False),  # from 1
    Column("file", Text, nullable=False),
    Column("sha256", Text, nullable=False),  # hex
    Column("documents", BigInteger, nullable=False),
    Column("last_id", BigInteger, nullable=False),  # of a document
    Column("written_at", Double, nullable=False),  # seconds since the epoch
    Index("archive_part_month", "issuer", "month", "part", unique=True),
)
