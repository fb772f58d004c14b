"""Which sales of a day that is over a till and this server have otherwise; days a person answers for."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision: str | None = "0029"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "day_difference",
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="day_difference_till"), nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("access_key", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("till_total", sa.BigInteger),
        sa.Column("here_total", sa.BigInteger),
        sa.Column("found_at", sa.Double, nullable=False),
        sa.Column("accepted_at", sa.Double),
        sa.PrimaryKeyConstraint("till_id", "day", "access_key", name="day_difference_key"),
    )
    op.add_column("book_day", sa.Column("judged_at", sa.Double))
    unjudged = sa.text("judged_at IS NULL")
    op.create_index("book_day_unjudged", "book_day", ["day"], sqlite_where=unjudged, postgresql_where=unjudged)
    op.add_column("lacking_day", sa.Column("accepted", sa.BigInteger, nullable=False, server_default=sa.text("0")))
