"""What each till's business day comes to. All days there are, are counted once, by the poster's next looks."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision: str | None = "0016"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_NUMBERS = [
    name for state in ("arrived", "booked", "open", "rejected", "discarded") for name in (state, f"{state}_total")
]


def upgrade() -> None:
    op.create_table(
        "touched_day",
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="touched_day_till"), nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("turn", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("till_id", "day", name="touched_day_key"),
    )
    op.create_table(
        "book_day",
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="book_day_till"), nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _NUMBERS),
        sa.Column("oldest_at", sa.Double),
        sa.Column("last_id", sa.BigInteger, nullable=False),
        sa.Column("ranges", sa.Text, nullable=False),
        sa.Column("prints", sa.Text),
        sa.Column("looked_to", sa.BigInteger, nullable=False),
        sa.Column("checked_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("till_id", "day", name="book_day_key"),
    )
    op.create_index("book_day_day", "book_day", ["day", "till_id"])
    op.create_index("book_day_checked", "book_day", ["checked_at"])
    of_sales = sa.text("kind = 'sale'")
    op.create_index(
        "document_till_issued",
        "document",
        ["till_id", "issued_at"],
        sqlite_where=of_sales,
        postgresql_where=of_sales,
    )
    op.execute(
        "INSERT INTO touched_day (till_id, day, turn) SELECT DISTINCT till_id, substr(issued_at, 1, 10), 0"
        " FROM document WHERE kind = 'sale' AND issued_at LIKE '____-__-__T%'"
    )
