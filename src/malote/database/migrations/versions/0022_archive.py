"""What of the legal archive was written before pruning."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision: str | None = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "archive_part",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("month", sa.Text, nullable=False),
        sa.Column("part", sa.Integer, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("documents", sa.BigInteger, nullable=False),
        sa.Column("last_id", sa.BigInteger, nullable=False),
        sa.Column("written_at", sa.Double, nullable=False),
    )
    op.create_index("archive_part_month", "archive_part", ["issuer", "month", "part"], unique=True)
