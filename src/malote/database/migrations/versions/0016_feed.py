"""What happened to documents, numbered, and the consumers that are told of it."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision: str | None = "0015"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_NEW = sa.text("number IS NULL")


def upgrade() -> None:
    _create_feed()
    _create_consumer()
    _create_log()


def _create_feed() -> None:
    op.create_table(
        "feed",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("number", sa.BigInteger),
        sa.Column("document_id", _Id, sa.ForeignKey("document.id", name="feed_document"), nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("code", sa.Text),
        sa.Column("at", sa.Double, nullable=False),
        sa.UniqueConstraint("number", name="feed_number"),
    )
    op.create_index("feed_document_id", "feed", ["document_id"])
    op.create_index("feed_new", "feed", ["id"], sqlite_where=_NEW, postgresql_where=_NEW)
    head = op.create_table(
        "feed_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(head, [{"id": 1, "number": 0}])


def _create_consumer() -> None:
    op.create_table(
        "consumer",
        sa.Column("id", _Id, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("name", "name_key", "kind", "scopes", "address")),
        sa.Column("token_hash", sa.LargeBinary),
        sa.Column("secret_number", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("revoked_at", sa.Double),
        sa.Column("got", sa.BigInteger, nullable=False),
        sa.Column("got_at", sa.Double),
        sa.Column("failing_since", sa.Double),
        sa.Column("failure", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("retry_at", sa.Double),
        sa.Column("lease", sa.Text),
        sa.Column("lease_until", sa.Double),
        sa.UniqueConstraint("name_key", name="consumer_name_key"),
    )


def _create_log() -> None:
    op.create_table(
        "consumer_log",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("consumer_id", _Id, sa.ForeignKey("consumer.id", name="consumer_log_consumer"), nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("began_at", sa.Double, nullable=False),
        sa.Column("ended_at", sa.Double, nullable=False),
        sa.Column("first", sa.BigInteger),
        sa.Column("last", sa.BigInteger),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("consumer_log_consumer_id", "consumer_log", ["consumer_id", "id"])
    op.create_table(
        "consumer_refusal",
        sa.Column("consumer_id", _Id, sa.ForeignKey("consumer.id", name="consumer_refusal_consumer"), nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("refused_at", sa.Double, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("retry_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("consumer_id", "number", name="consumer_refusal_key"),
    )
    op.create_index("consumer_refusal_retry", "consumer_refusal", ["retry_at"])
