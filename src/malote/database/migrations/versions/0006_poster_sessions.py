"""Sessions of the ERP in which posters work, so that nobody ends them and no name passes for one."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "poster_session",
        sa.Column("session", sa.Text, nullable=False),
        sa.Column("began", sa.Text, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("session", "began", name="poster_session_key"),
    )
