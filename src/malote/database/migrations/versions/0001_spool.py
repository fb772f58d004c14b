"""Tills, the spool and its tallies."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _create_tills()
    _create_pouch()
    _create_document()
    _index_document()
    if op.get_bind().dialect.name == "postgresql":
        # They are compressed already: trying again costs time and saves nothing.
        op.execute("ALTER TABLE pouch ALTER COLUMN body SET STORAGE EXTERNAL")
        op.execute("ALTER TABLE pouch ALTER COLUMN extracted SET STORAGE EXTERNAL")


def _create_tills() -> None:
    op.create_table(
        "till",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("disabled_at", sa.Double),
        sa.Column("last_contact_at", sa.Double),
        sa.Column("agent_version", sa.Text),
        sa.Column("clock_skew_seconds", sa.Double),
        sa.Column("pending", sa.Integer),
        sa.Column("unproven", sa.Integer),
        sa.Column("refused", sa.Text),
        sa.Column("last_series", sa.BigInteger),
        sa.Column("last_number", sa.BigInteger),
        sa.Column("last_issued_at", sa.Text),
        sa.UniqueConstraint("name_key", name="till_name_key"),
    )
    op.create_table(
        "till_series",
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("series", sa.BigInteger, nullable=False),
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="till_series_till"), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "model", "series", name="till_series_key"),
    )
    op.create_table(
        "tally",
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="tally_till"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason_code", sa.Text, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("till_id", "state", "reason_code", name="tally_key"),
    )


def _create_pouch() -> None:
    op.create_table(
        "pouch",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="pouch_till"), nullable=False),
        sa.Column("received_at", sa.Double, nullable=False),
        sa.Column("pruned_at", sa.Double),
        sa.Column("body", sa.LargeBinary),
        sa.Column("extracted", sa.LargeBinary),
    )
    unpruned = sa.text("pruned_at IS NULL")
    op.create_index("pouch_kept", "pouch", ["id"], sqlite_where=unpruned, postgresql_where=unpruned)


def _create_document() -> None:
    op.create_table(
        "document",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("pouch_id", _Id, sa.ForeignKey("pouch.id", name="document_pouch"), nullable=False),
        sa.Column("pouch_index", sa.Integer, nullable=False),
        sa.Column("extracted_index", sa.Integer),
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="document_till"), nullable=False),
        sa.Column("file_sha256", sa.LargeBinary, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text),
        sa.Column("access_key", sa.Text),
        sa.Column("model", sa.Text),
        sa.Column("issuer", sa.Text),
        sa.Column("series", sa.BigInteger),
        sa.Column("number", sa.BigInteger),
        sa.Column("issued_at", sa.Text),
        sa.Column("total", sa.BigInteger),
        sa.Column("accepted_at", sa.Double, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason_code", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("retry_at", sa.Double),
        sa.Column("lease", sa.Text),
        sa.Column("lease_until", sa.Double),
        sa.Column("settled_at", sa.Double),
        sa.Column("duplicate", sa.Boolean, nullable=False),
        sa.Column("kept", sa.Boolean, nullable=False),
        sa.UniqueConstraint("till_id", "file_sha256", "position", name="document_once"),
    )


def _index_document() -> None:
    op.create_index("document_state", "document", ["state", "id"])
    op.create_index("document_state_till", "document", ["state", "till_id", "id"])
    op.create_index("document_access_key", "document", ["access_key"])
    op.create_index("document_pouch_id", "document", ["pouch_id"])
    for name, column in (("document_retry", "retry_at"), ("document_lease", "lease_until")):
        present = sa.text(f"{column} IS NOT NULL")
        op.create_index(name, "document", [column], sqlite_where=present, postgresql_where=present)
