"""Which rows a till was given alone, at a newer version than the rest of their entity."""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision: str | None = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("load_till", sa.Column("chosen", sa.Text, nullable=False, server_default=sa.text("'{}'")))
