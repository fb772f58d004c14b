"""Which fields the ERP has otherwise of what was booked, and the sales in it that nobody sent."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision: str | None = "0014"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("erp_difference", sa.Column("fields", sa.Text))
    op.create_table(
        "erp_stranger",
        sa.Column("access_key", sa.Text, primary_key=True),
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="erp_stranger_till"), nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("issued_at", sa.Text),
        sa.Column("found_at", sa.Double, nullable=False),
        sa.Column("accepted_at", sa.Double),
    )
