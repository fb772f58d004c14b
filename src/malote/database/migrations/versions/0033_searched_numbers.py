"""A till's documents by number, for who looks for one among all that were ever sent."""

from alembic import op

revision = "0033"
down_revision: str | None = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("document_till_number", "document", ["till_id", "number"])
