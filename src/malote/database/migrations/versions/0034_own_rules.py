"""The retailer's own rules, and where they hold."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision: str | None = "0033"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "own_rule",
        sa.Column("name", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("of", "condition")),
        sa.Column("weight", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("text", "text_en")),
        sa.Column("turn", sa.Integer, nullable=False),
    )
    op.create_table(
        "own_rule_finding",
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="own_rule_finding_till"), nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("access_key", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("found_at", sa.Double, nullable=False),
        sa.Column("accepted_at", sa.Double),
        sa.PrimaryKeyConstraint("rule", "till_id", "day", "access_key", name="own_rule_finding_key"),
    )
    opened, place = sa.text("accepted_at IS NULL"), ["till_id", "rule"]
    op.create_index("own_rule_finding_open", "own_rule_finding", place, sqlite_where=opened, postgresql_where=opened)
    op.create_index("own_rule_finding_sale", "own_rule_finding", ["access_key"])
    op.create_table(
        "own_rule_walk",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("file_sha256", "fault_pt", "fault_en")),
        sa.Column("fault_since", sa.Double),
        sa.Column("feed_to", sa.BigInteger, nullable=False),
        sa.Column("empty_to", sa.Text, nullable=False),
    )
    op.add_column("book_day", sa.Column("ruled_at", sa.Double))
    unruled = sa.text("ruled_at IS NULL")
    op.create_index("book_day_unruled", "book_day", ["day"], sqlite_where=unruled, postgresql_where=unruled)
