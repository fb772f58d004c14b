"""What was sold at another price than the till's list had; and tills whose rows differ are found without a search."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision: str | None = "0042"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_DIFFERS = sa.text("differing <> '[]'")


def upgrade() -> None:
    op.create_table(
        "load_sale_walk",
        sa.Column("id", sa.Integer, nullable=False, primary_key=True),
        sa.Column("feed_to", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "load_sale",
        sa.Column("access_key", sa.Text, nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="load_sale_till"), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("day", "issued_at", "product")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("quantity", "sold", "listed")),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("cents", "version")),
        sa.PrimaryKeyConstraint("access_key", "line", name="load_sale_key"),
    )
    op.create_index("load_sale_till", "load_sale", ["till_id", "issued_at"])
    op.create_table(
        "load_sale_day",
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="load_sale_day_till"), nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("lines", "unlisted", "unknown", "differing", "cents")
        ),
        sa.PrimaryKeyConstraint("till_id", "day", name="load_sale_day_key"),
    )
    op.create_index(
        "load_till_differing", "load_till", ["till_id", "id"], sqlite_where=_DIFFERS, postgresql_where=_DIFFERS
    )
