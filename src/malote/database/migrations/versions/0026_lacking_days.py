"""Days of which a till counts more sales than are here; which days the chain has as they are."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision: str | None = "0025"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "lacking_day",
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="lacking_day_till"), nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("since", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("till_id", "day", name="lacking_day_key"),
    )
    op.create_index("lacking_day_day", "lacking_day", ["day"])
    op.add_column("book_day", sa.Column("closed_at", sa.Double))
    op.execute(
        "INSERT INTO touched_day (till_id, day, turn) SELECT till_id, day, 0 FROM till_day WHERE count > 0"
        " ON CONFLICT (till_id, day) DO NOTHING"
    )
