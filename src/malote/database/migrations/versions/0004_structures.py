"""Applications of structures, step by step; what tills say of theirs; roll-outs."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _create_runs()
    _create_rollouts()
    op.create_table(
        "till_structure",
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="till_structure_till"), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("said_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("till_id", name="till_structure_key"),
    )


def _create_runs() -> None:
    op.create_table(
        "structure_run",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.Column("beat_at", sa.Double, nullable=False),
        sa.Column("finished_at", sa.Double),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("refused", sa.Text, nullable=False),
        sa.Column("replayed", sa.Integer, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
    )
    op.create_index("structure_run_scope", "structure_run", ["scope", "id"])
    op.create_table(
        "structure_step",
        sa.Column("run_id", _Id, sa.ForeignKey("structure_run.id", name="structure_step_run"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "number", name="structure_step_key"),
    )


def _create_rollouts() -> None:
    op.create_table(
        "rollout",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("published", sa.Text, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("asked_at", sa.Double, nullable=False),
        sa.Column("everyone", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("wave", sa.Integer, nullable=False),
        sa.Column("finished_at", sa.Double),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("stopped_by", sa.Text, nullable=False),
    )
    running = sa.text("state = 'running'")
    op.create_index("rollout_open", "rollout", ["id"], sqlite_where=running, postgresql_where=running)
    op.create_table(
        "rollout_till",
        sa.Column("rollout_id", _Id, sa.ForeignKey("rollout.id", name="rollout_till_rollout"), nullable=False),
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="rollout_till_till"), nullable=False),
        sa.Column("wave", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("offered_at", sa.Double),
        sa.Column("reported_at", sa.Double),
        sa.Column("seconds", sa.Double),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("rollout_id", "till_id", name="rollout_till_key"),
    )
    op.create_index("rollout_till_wave", "rollout_till", ["rollout_id", "wave", "state"])
