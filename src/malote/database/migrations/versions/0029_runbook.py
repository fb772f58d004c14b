"""Where each procedure of the assistant stands."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision: str | None = "0028"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_OPEN = sa.text("closed_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "runbook_case",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("opened_at", sa.Double, nullable=False),
        sa.Column("marks", sa.Text, nullable=False),
        sa.Column("closed_at", sa.Double),
        sa.Column("proof", sa.Text, nullable=False),
    )
    op.create_index(
        "runbook_case_open", "runbook_case", ["scope"], unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN
    )
    op.create_index("runbook_case_scope", "runbook_case", ["scope", "id"])
