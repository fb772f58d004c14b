"""What the ERP has said in each version of the loads, and which of them each till sells with."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision: str | None = "0040"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_GONE = sa.text("version_to IS NOT NULL")
_THERE = sa.text("version_to IS NULL")


def upgrade() -> None:
    _versions()
    _rows()
    _troubles()
    _tills()


def _entity(table: str) -> sa.Column[int]:
    return sa.Column("entity_id", _Id, sa.ForeignKey("load_entity.id", name=f"{table}_entity"), nullable=False)


def _versions() -> None:
    op.create_table(
        "load_version",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("made_at", sa.Double, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("emergency", sa.Boolean, nullable=False),
    )
    op.create_index("load_version_made", "load_version", ["made_at"])
    op.create_table(
        "load_entity",
        sa.Column("id", _Id, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("name", "declaration")),
        sa.Column("version_to", sa.BigInteger),
        sa.Column("watermark", sa.Text, nullable=False),
        *(sa.Column(name, sa.Double) for name in ("looked_at", "compared_at")),
    )
    op.create_index("load_entity_name", "load_entity", ["name", "id"])
    op.create_table(
        "load_state",
        _entity("load_state"),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("version", "rows")),
        sa.Column("sha256", sa.Text, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("added", "changed", "gone")),
        sa.PrimaryKeyConstraint("entity_id", "version", name="load_state_key"),
    )
    op.create_index("load_state_version", "load_state", ["version"])


def _rows() -> None:
    op.create_table(
        "load_row",
        _entity("load_row"),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("version_from", sa.BigInteger, nullable=False),
        sa.Column("version_to", sa.BigInteger),
        sa.Column("bucket", sa.Integer, nullable=False),
        *(sa.Column(name, sa.LargeBinary, nullable=False) for name in ("content", "hash")),
        sa.PrimaryKeyConstraint("entity_id", "key", "version_from", name="load_row_key"),
    )
    op.create_index(
        "load_row_bucket", "load_row", ["entity_id", "bucket"], sqlite_where=_THERE, postgresql_where=_THERE
    )
    op.create_index("load_row_from", "load_row", ["entity_id", "version_from"])
    op.create_index("load_row_to", "load_row", ["entity_id", "version_to"], sqlite_where=_GONE, postgresql_where=_GONE)
    op.create_table(
        "load_bucket",
        _entity("load_bucket"),
        sa.Column("bucket", sa.Integer, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("entity_id", "bucket", name="load_bucket_key"),
    )
    op.create_table(
        "load_file",
        sa.Column("sha256", sa.Text, nullable=False),
        _entity("load_file"),
        sa.Column("mode", sa.Text, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("version", "after")),
        sa.Column("item_keys", sa.Text, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("rows", "bytes")),
        sa.Column("used_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("entity_id", "mode", "version", "after", "item_keys", name="load_file_key"),
    )
    op.create_index("load_file_sha256", "load_file", ["sha256"])


def _troubles() -> None:
    op.create_table(
        "load_refusal",
        sa.Column("entity", sa.Text, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("code", "facts")),
        *(sa.Column(name, sa.Double, nullable=False) for name in ("since", "seen_at")),
        sa.PrimaryKeyConstraint("entity", "key", name="load_refusal_key"),
    )
    op.create_table(
        "load_hold",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("entity", "code", "facts")),
        *(sa.Column(name, sa.Double, nullable=False) for name in ("since", "seen_at")),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("gone", "changed")),
        sa.Column("confirmed_by", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("entity", name="load_hold_key"),
    )


def _tills() -> None:
    op.create_table(
        "load_till",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="load_till_till"), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("others", sa.Text, nullable=False),
        *(sa.Column(name, sa.Double, nullable=False) for name in ("applied_at", "heard_at")),
        sa.Column("rolled_back_from", sa.BigInteger, nullable=False),
        sa.Column("differing", sa.Text, nullable=False),
    )
    op.create_index("load_till_newest", "load_till", ["till_id", "id"])
    op.create_table(
        "load_plan",
        sa.Column("id", _Id, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("cron", "wanted", "asked_by")),
        *(sa.Column(name, sa.Double, nullable=False) for name in ("asked_at", "last_at")),
    )
