"""What is found wrong by looks that are too dear to be taken for every page.

Times are seconds since the epoch. A change needs a migration.
"""

from sqlalchemy import BigInteger, Column, Double, ForeignKey, PrimaryKeyConstraint, Table, Text

from malote.database.tables import ROW_ID, metadata

# Of a till, as the look of each kind last found it: who looks replaces all of its own (findings/noted_findings.py).
till_finding = Table(
    "till_finding",
    metadata,
    Column("till_id", ROW_ID, ForeignKey("till.id", name="till_finding_till"), nullable=False),
    Column("name", Text, nullable=False),  # findings.kinds.Name
    Column("count", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),  # cents
    Column("since", Double),
    PrimaryKeyConstraint("till_id", "name", name="till_finding_key"),
)
