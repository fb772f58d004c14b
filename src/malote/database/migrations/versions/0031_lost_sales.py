"""Sales that tills lost, kept until they came after all or a person answers for them."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision: str | None = "0030"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "lost_sale",
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="lost_sale_till"), nullable=False),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("file_sha256", sa.LargeBinary),
        sa.Column("access_key", sa.Text),
        sa.Column("series", sa.BigInteger),
        sa.Column("number", sa.BigInteger),
        sa.Column("issued_at", sa.Text),
        sa.Column("total", sa.BigInteger),
        sa.Column("told_at", sa.Double, nullable=False),
        sa.Column("accepted_at", sa.Double),
        sa.PrimaryKeyConstraint("till_id", "identity", name="lost_sale_key"),
    )
    is_open = sa.text("accepted_at IS NULL")
    op.create_index("lost_sale_open", "lost_sale", ["till_id"], sqlite_where=is_open, postgresql_where=is_open)
