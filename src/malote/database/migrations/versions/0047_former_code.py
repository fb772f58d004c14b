"""What codes were mapped to before: sales that were booked so stay right."""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision: str | None = "0046"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "former_code",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("old_code", sa.Text, nullable=False),
        sa.Column("new_code", sa.Text, nullable=False),
        sa.Column("ended_at", sa.Double, nullable=False),
    )
