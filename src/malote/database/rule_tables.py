"""The retailer's own rules as their file last had them, and where they hold (books/rules).

Times are seconds since the epoch. A change needs a migration.
"""

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table, Text, text

from malote.database.partial_index import PartialIndex
from malote.database.tables import ROW_ID, metadata

own_rule = Table(
    "own_rule",
    metadata,
    Column("name", Text, primary_key=True),
    Column("of", Text, nullable=False),  # sale or day
    Column("condition", Text, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("text", Text, nullable=False),  # in Portuguese
    Column("text_en", Text, nullable=False),  # "" where there is none
    Column("turn", Integer, nullable=False),  # its place in the file
)

own_rule_finding = Table(
    "own_rule_finding",
    metadata,
    Column("rule", Text, nullable=False),
    Column("till_id", ROW_ID, ForeignKey("till.id", name="own_rule_finding_till"), nullable=False),
    Column("day", Text, nullable=False),  # YYYY-MM-DD, a business day; "" of a sale whose time can't be read
    Column("access_key", Text, nullable=False),  # "" of a day
    Column("number", BigInteger),  # of a sale
    Column("total", BigInteger, nullable=False),  # cents
    Column("found_at", Double, nullable=False),
    Column("accepted_at", Double),  # a person said why it is so
    PrimaryKeyConstraint("rule", "till_id", "day", "access_key", name="own_rule_finding_key"),
    PartialIndex(
        "own_rule_finding_open",
        "till_id",
        "rule",
        where=text("accepted_at IS NULL"),
    ),
    Index("own_rule_finding_sale", "access_key"),
)

# One row, under 1: what was read of the file, and how far the walks over changes and days have come.
own_rule_walk = Table(
    "own_rule_walk",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("file_sha256", Text, nullable=False),  # hex; "" before the first
    Column("fault_pt", Text, nullable=False),  # why the file as it is now doesn't count; "" where it does
    Column("fault_en", Text, nullable=False),
    Column("fault_since", Double),
    Column("feed_to", BigInteger, nullable=False),  # of the changes, by number
    Column("empty_to", Text, nullable=False),  # days without any sale were asked about up to here; "" before the first
)
