"""Methods of payment that a person mapped to others."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision: str | None = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "payment_map",
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("old_code", sa.Text, nullable=False),
        sa.Column("new_code", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("issuer", "old_code", name="payment_map_key"),
    )
