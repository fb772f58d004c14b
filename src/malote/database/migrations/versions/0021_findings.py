"""What is found wrong, with its value: cents in the tallies, what was deleted unbooked, since when posters can't book.

The cents of what was settled long ago are not added up: that would read the whole history, and nobody asks for them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision: str | None = "0020"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_UNBOOKED = sa.text("unbooked = true")

_TOTALS = """
UPDATE tally SET total = (
    SELECT coalesce(sum(d.total), 0) FROM document d
    WHERE d.till_id = tally.till_id AND d.state = tally.state AND coalesce(d.reason_code, '') = tally.reason_code
    AND d.kind = 'sale')
WHERE tally.count > 0
AND (tally.state IN ('accepted', 'posting', 'waiting', 'rejected', 'discarded')
    OR (tally.state = 'posted' AND tally.reason_code <> ''))
"""
_DELETED = """
UPDATE trash SET
    unbooked = grounds <> 'erp' AND EXISTS (
        SELECT 1 FROM document d WHERE d.id = trash.document_id
        AND (d.kind IS NULL OR d.kind IN ('sale', 'cancellation'))
        AND NOT EXISTS (
            SELECT 1 FROM document b WHERE b.access_key = d.access_key AND b.state = 'posted' AND b.kind = d.kind)),
    total = (SELECT coalesce(sum(d.total), 0) FROM document d WHERE d.id = trash.document_id AND d.kind = 'sale')
"""


def upgrade() -> None:
    op.add_column("tally", sa.Column("total", sa.BigInteger, nullable=False, server_default=sa.text("0")))
    op.add_column("trash", sa.Column("unbooked", sa.Boolean, nullable=False, server_default=sa.true()))
    op.add_column("trash", sa.Column("total", sa.BigInteger, nullable=False, server_default=sa.text("0")))
    op.create_index("trash_unbooked", "trash", ["till_id"], sqlite_where=_UNBOOKED, postgresql_where=_UNBOOKED)
    op.execute(_TOTALS)
    op.execute(_DELETED)
    op.create_table(
        "till_finding",
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="till_finding_till"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("since", sa.Double),
        sa.PrimaryKeyConstraint("till_id", "name", name="till_finding_key"),
    )
    op.add_column("poster_sign", sa.Column("facts", sa.Text))
    op.add_column("poster_sign", sa.Column("since", sa.Double))
