"""Booked sales without protocol, and posted documents that a person must look at."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_FLAGGED = sa.text("state = 'posted' AND reason_code IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "open_sale",
        sa.Column("access_key", sa.Text, nullable=False),
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="open_sale_till"), nullable=False),
        sa.Column("document_id", _Id, sa.ForeignKey("document.id", name="open_sale_document"), nullable=False),
        sa.Column("due_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("access_key", name="open_sale_key"),
    )
    op.create_index("open_sale_due", "open_sale", ["due_at"])
    op.create_index("document_flagged", "document", ["till_id", "id"], sqlite_where=_FLAGGED, postgresql_where=_FLAGGED)
