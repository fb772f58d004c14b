"""Versions of loads that go out in waves."""

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision: str | None = "0045"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "load_rollout",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("entities", sa.Text, nullable=False),
        sa.Column("anew", sa.Boolean, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("asked_at", sa.Double, nullable=False),
        sa.Column("everyone", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("wave", sa.Integer, nullable=False),
        sa.Column("approved", sa.Integer, nullable=False),
        sa.Column("finished_at", sa.Double),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("stopped_by", sa.Text, nullable=False),
    )
    op.create_table(
        "load_rollout_till",
        sa.Column(
            "rollout_id", _Id, sa.ForeignKey("load_rollout.id", name="load_rollout_till_rollout"), nullable=False
        ),
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="load_rollout_till_till"), nullable=False),
        sa.Column("wave", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("offered_at", sa.Double),
        sa.Column("reported_at", sa.Double),
        sa.Column("seconds", sa.Double),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("rollout_id", "till_id", name="load_rollout_till_key"),
    )
    op.create_index("load_rollout_till_wave", "load_rollout_till", ["rollout_id", "wave", "state"])
