"""What the ERP lacks of what was booked, document by document, and what was ordered to be booked again.

What an earlier version noted as trouble or as accepted was the work of hours; the next look finds it anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision: str | None = "0009"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.drop_table("erp_memory")
    op.create_table(
        "erp_memory",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("schema", sa.Text, nullable=False),
        sa.Column("noted_at", sa.Double, nullable=False),
        sa.Column("walked_to", sa.BigInteger, nullable=False),
        sa.Column("walked_at", sa.Double, nullable=False),
    )
    op.create_table(
        "erp_difference",
        sa.Column("document_id", _Id, sa.ForeignKey("document.id", name="erp_difference_document"), primary_key=True),
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="erp_difference_till"), nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("erp_total", sa.BigInteger),
        sa.Column("found_at", sa.Double, nullable=False),
        sa.Column("accepted_at", sa.Double),
    )
    op.create_index(
        "erp_difference_open",
        "erp_difference",
        ["till_id"],
        sqlite_where=sa.text("accepted_at IS NULL"),
        postgresql_where=sa.text("accepted_at IS NULL"),
    )
    op.create_table(
        "rebooking",
        sa.Column("document_id", _Id, sa.ForeignKey("document.id", name="rebooking_document"), primary_key=True),
        sa.Column("ordered_at", sa.Double, nullable=False),
    )
