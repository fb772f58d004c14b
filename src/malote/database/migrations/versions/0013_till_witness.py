"""What a till sees and suffers before it captures, and what its own files come to per business day."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision: str | None = "0012"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    for name in ("folder_seen", "folder_captured", "uncaptured", "books_turn"):
        op.add_column("till", sa.Column(name, sa.BigInteger))
    for name in ("uncaptured_since", "unsent_since"):
        op.add_column("till", sa.Column(name, sa.Double))
    for name in ("troubles", "lost"):
        op.add_column("till", sa.Column(name, sa.Text))
    op.create_table(
        "till_day",
        sa.Column("till_id", _ROW_ID, sa.ForeignKey("till.id", name="till_day_till"), nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("told_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("till_id", "day", name="till_day_key"),
    )
    op.create_index("till_day_day", "till_day", ["day", "till_id"])
