"""What became of the files that are kept, as the walk over them found it. Times are seconds since the epoch.

A change needs a migration.
"""

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Integer, Table, Text, text

from malote.database.partial_index import PartialIndex
from malote.database.tables import ROW_ID, metadata

# Documents whose file isn't any more what it was when it came: none while all is well (books/kept_files.py).
damaged_file = Table(
    "damaged_file",
    metadata,
    Column("document_id", ROW_ID, ForeignKey("document.id", name="damaged_file_document"), primary_key=True),
    Column("till_id", ROW_ID, ForeignKey("till.id", name="damaged_file_till"), nullable=False),
    Column("what", Text, nullable=False),  # books.kept_files.Damage
    Column("found_at", Double, nullable=False),
    Column("accepted_at", Double),  # a person said why it is so
    PartialIndex("damaged_file_open", "till_id", where=text("accepted_at IS NULL")),
)

# How far the walk has come, by pouch; one row, under 1.
kept_walk = Table(
    "kept_walk",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("walked_to", BigInteger, nullable=False),
    Column("walked_at", Double, nullable=False),
    Column("round_at", Double),  # when the last whole round ended
)
