"""That nobody can let a held entity through is a flag of its own, no fact told in words."""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision: str | None = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("load_hold", sa.Column("is_final", sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute("""UPDATE load_hold SET is_final = true WHERE facts LIKE '%"left":"0"%'""")
