"""Digests of the extracted forms: one that somebody changed is told from the one that was read."""

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision: str | None = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pouch", sa.Column("extracted_digests", sa.LargeBinary))
