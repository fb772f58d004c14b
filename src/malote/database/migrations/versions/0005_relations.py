"""Documents that refer to others, and whether a document brought its authorisation."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("document", sa.Column("authorised", sa.Boolean))
    op.create_table(
        "document_reference",
        sa.Column("document_id", _Id, sa.ForeignKey("document.id", name="document_reference_document"), nullable=False),
        sa.Column("access_key", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("document_id", "access_key", name="document_reference_key"),
    )
    op.create_index("document_reference_access_key", "document_reference", ["access_key"])
