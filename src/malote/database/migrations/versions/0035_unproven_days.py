"""Days that are not proven are found without a walk over all days."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision: str | None = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    unproven = sa.text("looked_to < last_id")
    op.create_index("book_day_unproven", "book_day", ["day"], sqlite_where=unproven, postgresql_where=unproven)
