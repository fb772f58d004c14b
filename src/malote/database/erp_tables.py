"""What this server remembers of the ERP it books into, and how the two differ. Times are seconds since the epoch.

A change needs a migration.
"""

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Integer, Table, Text, text

from malote.database.partial_index import PartialIndex
from malote.database.tables import ROW_ID, metadata

# One row, under 1.
erp_memory = Table(
    "erp_memory",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("schema", Text, nullable=False),  # of the ledger last booked into; "" where there are none
    Column("noted_at", Double, nullable=False),
    # How far the walk over all that was booked has come, by document, and when its last part was taken.
    Column("walked_to", BigInteger, nullable=False),
    Column("walked_at", Double, nullable=False),
    Column("looked_at", Double),  # when last compared; NULL from a poster's start until its first look
)

# Posted documents that the ERP doesn't have, or has otherwise: none while all is well.
erp_difference = Table(
    "erp_difference",
    metadata,
    Column(
        "document_id",
        ROW_ID,
        ForeignKey("document.id", name="erp_difference_document"),
        nullable=False,
        primary_key=True,
    ),
    Column("till_id", ROW_ID, ForeignKey("till.id", name="erp_difference_till"), nullable=False),
    Column("what", Text, nullable=False),  # spool.erp_comparison.What
    Column("total", BigInteger, nullable=False),  # cents, as booked
    Column("erp_total", BigInteger),  # cents, as the ERP has it now; NULL where it has nothing
    Column("found_at", Double, nullable=False),
    Column("accepted_at", Double),  # a person said why it is so
    Column("fields", Text),  # which, where it is told; never a value
    PartialIndex(
        "erp_difference_open",
        "till_id",
        where=text("accepted_at IS NULL"),
    ),
)

# Sales in the ERP under the series of a till, that no till sent.
erp_stranger = Table(
    "erp_stranger",
    metadata,
    Column("access_key", Text, primary_key=True),
    Column("till_id", ROW_ID, ForeignKey("till.id", name="erp_stranger_till"), nullable=False),
    Column("total", BigInteger, nullable=False),  # cents, as the ERP has it
    Column("issued_at", Text),  # ISO 8601 with zone; NULL where the ERP doesn't tell
    Column("found_at", Double, nullable=False),
    Column("accepted_at", Double),  # a person said why it is there
)

# Documents that were ordered to be booked again: the poster looks closely at what the ERP still has of them.
rebooking = Table(
    "rebooking",
    metadata,
    Column("document_id", ROW_ID, ForeignKey("document.id", name="rebooking_document"), primary_key=True),
    Column("ordered_at", Double, nullable=False),
)
