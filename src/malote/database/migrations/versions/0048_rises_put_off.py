"""Prices whose rise waits for the shelf: the ERP's key of such a row, and from when it is valid."""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision: str | None = "0047"
branch_labels = None
depends_on = None

_PUT_OFF = sa.text("put_off_to IS NOT NULL AND version_to IS NULL")


def upgrade() -> None:
    op.add_column("load_row", sa.Column("erp_key", sa.LargeBinary))
    op.add_column("load_row", sa.Column("put_off_to", sa.Text))
    op.create_index(
        "load_row_put_off",
        "load_row",
        ["entity_id", "put_off_to"],
        sqlite_where=_PUT_OFF,
        postgresql_where=_PUT_OFF,
    )
