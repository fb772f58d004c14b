"""When something could be booked last, and the times in which nothing could."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision: str | None = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "posting_possible",
        sa.Column("id", sa.Integer, nullable=False, primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_table(
        "posting_outage",
        sa.Column("began", sa.Double, nullable=False, primary_key=True),
        sa.Column("ended", sa.Double, nullable=False),
    )
