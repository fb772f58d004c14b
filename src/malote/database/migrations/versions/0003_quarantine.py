"""Custody, history, trash, cures and synchronisations; the numbers of voids, and the index behind the numbering."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("document", sa.Column("last_number", sa.BigInteger))
    numbered = sa.text("number IS NOT NULL")
    columns = ["issuer", "model", "series", "kind", "number", "till_id"]
    op.create_index("document_number", "document", columns, sqlite_where=numbered, postgresql_where=numbered)
    _create_custody()
    _create_document_event()
    _create_trash()
    _create_cures()
    _create_sync_order()
    op.create_table(
        "folder_mark",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("mark", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="folder_mark_key"),
    )


def _create_custody() -> None:
    op.create_table(
        "custody",
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="custody_till"), nullable=False),
        sa.Column("file_sha256", sa.LargeBinary, nullable=False),
        sa.Column("confirmed_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("till_id", "file_sha256", name="custody_key"),
    )


def _create_document_event() -> None:
    op.create_table(
        "document_event",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("document_id", _Id, sa.ForeignKey("document.id", name="document_event_document"), nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("first_at", sa.Double, nullable=False),
        sa.Column("times", sa.Integer, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("code", sa.Text),
        sa.Column("facts", sa.Text, nullable=False),
    )
    op.create_index("document_event_document_id", "document_event", ["document_id", "id"])


def _create_trash() -> None:
    op.create_table(
        "trash",
        sa.Column("document_id", _Id, sa.ForeignKey("document.id", name="trash_document"), nullable=False),
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="trash_till"), nullable=False),
        sa.Column("deleted_at", sa.Double, nullable=False),
        sa.Column("deleted_by", sa.Text, nullable=False),
        sa.Column("grounds", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("moved", sa.Boolean, nullable=False),
        sa.Column("purged_at", sa.Double),
        sa.PrimaryKeyConstraint("document_id", name="trash_key"),
    )
    op.create_index("trash_till_id", "trash", ["till_id", "document_id"])
    for name, column, condition in (
        ("trash_unmoved", "document_id", "moved = false"),
        ("trash_deleted_at", "deleted_at", "purged_at IS NULL"),
    ):
        op.create_index(name, "trash", [column], sqlite_where=sa.text(condition), postgresql_where=sa.text(condition))


def _create_cures() -> None:
    op.create_table(
        "accepted_problem",
        sa.Column("document_id", _Id, sa.ForeignKey("document.id", name="accepted_problem_document"), nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("document_id", "code", name="accepted_problem_key"),
    )
    op.create_table(
        "product_map",
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("old_code", sa.Text, nullable=False),
        sa.Column("new_code", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("issuer", "old_code", name="product_map_key"),
    )


def _create_sync_order() -> None:
    op.create_table(
        "sync_order",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="sync_order_till"), nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("asked_at", sa.Double, nullable=False),
        sa.Column("posted_before", sa.BigInteger, nullable=False),
        sa.Column("retried", sa.Integer, nullable=False),
        sa.Column("replayed", sa.Integer, nullable=False),
        sa.Column("offered_at", sa.Double),
        sa.Column("picked_up_at", sa.Double),
        sa.Column("done_at", sa.Double),
        sa.Column("result", sa.Text),
    )
    op.create_index("sync_order_till_id", "sync_order", ["till_id", "id"])
    unfinished = sa.text("done_at IS NULL")
    op.create_index("sync_order_open", "sync_order", ["till_id"], sqlite_where=unfinished, postgresql_where=unfinished)
