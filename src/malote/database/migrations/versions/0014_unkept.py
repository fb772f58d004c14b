"""The way to the rejected documents whose files aren't on the disk yet."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision: str | None = "0013"
branch_labels = None
depends_on = None

_UNKEPT = sa.text("state = 'rejected' AND kept = false")


def upgrade() -> None:
    columns = ["state", "id"]
    op.create_index("document_unkept", "document", columns, sqlite_where=_UNKEPT, postgresql_where=_UNKEPT)
