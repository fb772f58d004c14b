"""What this server remembers of the ledger it books into, so that another or an older one is noticed."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision: str | None = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erp_memory",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("schema", sa.Text, nullable=False),
        sa.Column("noted_at", sa.Double, nullable=False),
        sa.Column("trouble", sa.Text),
        sa.Column("accepted_up_to", sa.BigInteger, nullable=False),
    )
