"""Who held sales up and for how long, and how far the automatic measure has come."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision: str | None = "0036"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_OPEN = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "lock_episode",
        sa.Column("id", _Id, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("session", "db_user", "program", "object", "head")),
        sa.Column("idle_seconds", sa.Double, nullable=False),
        sa.Column("active_seconds", sa.Double, nullable=False),
        sa.Column("whole", sa.Boolean, nullable=False),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.Column("seen_at", sa.Double, nullable=False),
        sa.Column("ended_at", sa.Double),
        sa.Column("ending", sa.Text, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("sales", "most_sales", "most_cents")),
        sa.Column("sales_seconds", sa.Double, nullable=False),
        sa.Column("chosen_at", sa.Double),
        sa.Column("chosen_seconds", sa.Double),
        sa.Column("chosen_by", sa.Text, nullable=False),
    )
    op.create_index(
        "lock_episode_open", "lock_episode", ["session"], unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN
    )
    op.create_index("lock_episode_started", "lock_episode", ["started_at"])
    op.create_table(
        "lock_rule",
        sa.Column("id", sa.Integer, nullable=False, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("definition", "state")),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
    )
