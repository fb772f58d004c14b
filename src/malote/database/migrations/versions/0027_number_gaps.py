"""Numbers that no document has, kept as documents come; a server with a history walks over it once, in parts."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision: str | None = "0026"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _series() -> list[sa.Column[object]]:
    return [
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("series", sa.BigInteger, nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "number_gap",
        *_series(),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="number_gap_till"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("found_at", sa.Double, nullable=False),
        sa.Column("due", sa.Text, nullable=False),
        sa.Column("told_at", sa.Double),
        sa.Column("accepted_at", sa.Double),
        sa.Column("checked_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("issuer", "model", "series", "first", name="number_gap_key"),
    )
    op.create_index("number_gap_checked", "number_gap", ["checked_at"])
    is_open = sa.text("accepted_at IS NULL AND state <> 'voided'")
    op.create_index("number_gap_open", "number_gap", ["till_id"], sqlite_where=is_open, postgresql_where=is_open)
    op.create_table(
        "number_series",
        *_series(),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("issuer", "model", "series", name="number_series_key"),
    )
    op.create_table(
        "number_walk",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("walked_to", sa.BigInteger, nullable=False),
        sa.Column("seen_to", sa.BigInteger, nullable=False),
        sa.Column("walked_at", sa.Double, nullable=False),
    )
    op.execute("INSERT INTO number_walk (id, walked_to, seen_to, walked_at) VALUES (1, 0, 0, 0)")
