"""What people were told of findings, and what is still to be told."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision: str | None = "0022"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_OPEN = sa.text("next_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "alert_state",
        sa.Column("code", sa.Text, primary_key=True, nullable=False),
        sa.Column("seen_at", sa.Double, nullable=False),
        sa.Column("gone_at", sa.Double),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("told", sa.Integer, nullable=False),
        sa.Column("silenced_until", sa.Double, nullable=False),
    )
    op.create_table(
        "alert_notice",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.Column("made_at", sa.Double, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.Double),
        sa.Column("sent_at", sa.Double),
    )
    op.create_index("alert_notice_open", "alert_notice", ["next_at"], sqlite_where=_OPEN, postgresql_where=_OPEN)
