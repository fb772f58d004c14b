"""How many documents a sending has left out stands beside how many it has sent; one under way counts from here on."""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision: str | None = "0049"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sending", sa.Column("left_out", sa.BigInteger, nullable=False, server_default=sa.text("0")))
