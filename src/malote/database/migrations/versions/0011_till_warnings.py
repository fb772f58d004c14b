"""What an operator is told of a till itself: that it is slowed down, and that it reads another till's folder."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision: str | None = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("till", sa.Column("slowed_at", sa.Double))
    op.add_column("till", sa.Column("shared_at", sa.Double))
    op.add_column("till", sa.Column("shared_with", sa.Text))
