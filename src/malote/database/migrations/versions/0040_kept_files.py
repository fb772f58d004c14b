"""Files that are kept are read again, round and round: how far that has come, and what is damaged."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision: str | None = "0039"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_OPEN = sa.text("accepted_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "damaged_file",
        sa.Column("document_id", _Id, sa.ForeignKey("document.id", name="damaged_file_document"), primary_key=True),
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="damaged_file_till"), nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("found_at", sa.Double, nullable=False),
        sa.Column("accepted_at", sa.Double),
    )
    op.create_index("damaged_file_open", "damaged_file", ["till_id"], sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_table(
        "kept_walk",
        sa.Column("id", sa.Integer, nullable=False, primary_key=True, autoincrement=False),
        sa.Column("walked_to", sa.BigInteger, nullable=False),
        sa.Column("walked_at", sa.Double, nullable=False),
        sa.Column("round_at", sa.Double),
    )
