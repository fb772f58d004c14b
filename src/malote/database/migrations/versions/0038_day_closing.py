"""How far the chain of closed days was written, so that its standing still is told."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision: str | None = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "day_closing",
        sa.Column("id", sa.Integer, nullable=False, primary_key=True, autoincrement=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("due_at", sa.Double, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("failing_since", sa.Double),
        sa.Column("failure_code", sa.Text),
        sa.Column("failure", sa.Text),
    )
