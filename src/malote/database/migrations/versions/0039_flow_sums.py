"""Sums of what came and was booked by time, and when servers started."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision: str | None = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "flow_sum",
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("slot", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("what", "part")),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("count", "cents")),
        sa.PrimaryKeyConstraint("width", "slot", "what", "part", name="flow_sum_key"),
    )
    op.create_table(
        "flow_counted",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("document_id", "feed_id")),
    )
    op.create_table(
        "server_start",
        sa.Column("at", sa.Double, primary_key=True),
        sa.Column("version", sa.Text, nullable=False),
    )
