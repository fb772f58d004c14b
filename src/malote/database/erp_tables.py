"""What this server remembers of the ERP it books into. Times are seconds since the epoch.

A change needs a migration.
"""

from sqlalchemy import BigInteger, Column, Double, Integer, Table, Text

from malote.database.tables import metadata

# One row, under 1.
erp_memory = Table(
    "erp_memory",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("schema", Text, nullable=False),  # of the ledger last booked into; "" where there are none
    Column("noted_at", Double, nullable=False),
    # What the ledger lacked at the last look: JSON, spool.erp_memory.Trouble; NULL while all is well.
    Column("trouble", Text),
    # Documents up to this id are no longer looked for: a person said why the ledger doesn't have them.
    Column("accepted_up_to", BigInteger, nullable=False),
)
