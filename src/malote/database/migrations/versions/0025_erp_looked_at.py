"""When the ERP was last compared; unknown at first, and whenever a poster starts."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision: str | None = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("erp_memory", sa.Column("looked_at", sa.Double))
