"""Closed days, chained and signed."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision: str | None = "0023"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "chained_day",
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="chained_day_till"), nullable=False),
        sa.Column("turn", sa.BigInteger, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("statement", sa.Text, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
        sa.Column("lines", sa.LargeBinary, nullable=False),
        sa.Column("closed_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("till_id", "turn", name="chained_day_key"),
    )
    op.create_index("chained_day_day", "chained_day", ["day", "till_id"])
