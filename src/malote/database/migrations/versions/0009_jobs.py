"""Jobs: what people ordered for many documents or tills at once, with the frozen list of each."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision: str | None = "0008"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "job",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("till", sa.Text, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("asked_at", sa.Double, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("forced", sa.Boolean, nullable=False),
        sa.Column("undoes", _Id),
        sa.Column("finished_at", sa.Double),
        sa.Column("stopped_by", sa.Text, nullable=False),
        sa.Column("waits", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("lease_until", sa.Double, nullable=False),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("total", "total_cents", "done", "done_cents", "refused", "refused_cents")
        ),
    )
    op.create_index("job_state", "job", ["state", "id"])
    op.create_index("job_till", "job", ["till", "id"])
    op.create_table(
        "job_item",
        sa.Column("job_id", _Id, sa.ForeignKey("job.id", name="job_item_job"), nullable=False),
        sa.Column("target_id", _Id, nullable=False),
        sa.Column("cents", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "target_id", name="job_item_key"),
    )
    op.create_index("job_item_state", "job_item", ["job_id", "state", "target_id"])
