"""The way from a number to the voids that cover it."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision: str | None = "0011"
branch_labels = None
depends_on = None

_VOIDS = sa.text("kind = 'number_void'")


def upgrade() -> None:
    columns = ["issuer", "model", "series", "last_number", "number"]
    op.create_index("document_void", "document", columns, sqlite_where=_VOIDS, postgresql_where=_VOIDS)
