"""Periods that are sent to a consumer again, and how far each has come."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision: str | None = "0018"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "sending",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("consumer_id", _Id, sa.ForeignKey("consumer.id", name="sending_consumer"), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("since", "until", "till", "position")),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.Column("finished_at", sa.Double),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
    op.create_index("sending_consumer_id", "sending", ["consumer_id", "id"])
