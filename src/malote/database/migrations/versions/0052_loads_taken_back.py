"""Tills that are kept at an earlier load."""

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision: str | None = "0051"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_NOT_RELEASED = sa.text("released_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "load_back",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="load_back_till"), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("others", sa.Text, nullable=False),
        sa.Column("back_from", sa.BigInteger, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("asked_at", sa.Double, nullable=False),
        sa.Column("until", sa.Double),
        sa.Column("till_at", sa.BigInteger, nullable=False),
        sa.Column("released_at", sa.Double),
        sa.Column("released_by", sa.Text, nullable=False),
    )
    op.create_index("load_back_newest", "load_back", ["till_id", "id"])
    op.create_index(
        "load_back_open",
        "load_back",
        ["till_id"],
        unique=True,
        sqlite_where=_NOT_RELEASED,
        postgresql_where=_NOT_RELEASED,
    )
