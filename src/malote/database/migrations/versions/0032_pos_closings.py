"""The POS's own closings, beside what was booked."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision: str | None = "0031"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "pos_closing",
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="pos_closing_till"), nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("totals", sa.Text, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("read_at", sa.Double, nullable=False),
        sa.Column("booked", sa.Text),
        sa.Column("unread", sa.BigInteger, nullable=False),
        sa.Column("differs", sa.BigInteger, nullable=False),
        sa.Column("judged_at", sa.Double),
        sa.Column("accepted_at", sa.Double),
        sa.PrimaryKeyConstraint("till_id", "day", name="pos_closing_key"),
    )
    differs = sa.text("differs > 0 AND accepted_at IS NULL")
    op.create_index("pos_closing_differs", "pos_closing", ["till_id"], sqlite_where=differs, postgresql_where=differs)
    unjudged = sa.text("judged_at IS NULL")
    op.create_index("pos_closing_unjudged", "pos_closing", ["day"], sqlite_where=unjudged, postgresql_where=unjudged)
