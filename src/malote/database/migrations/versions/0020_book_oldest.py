"""The way to the sale that waits longest."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision: str | None = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    waiting = sa.text("oldest_at IS NOT NULL")
    op.create_index("book_day_oldest", "book_day", ["oldest_at"], sqlite_where=waiting, postgresql_where=waiting)
