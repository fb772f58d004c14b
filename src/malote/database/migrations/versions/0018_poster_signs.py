"""Posters give a sign of life, whether the ERP answers them or not."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision: str | None = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "poster_sign",
        sa.Column("owner", sa.Text, primary_key=True, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("trouble", sa.Text, nullable=False),
    )
