"""One book of orders to tills. Synchronisations go on in it; a roll-out's orders enter it when tills are told again.

Numbers of orders grow from now on, and tills obey no smaller one: the old ones, which were any, are numbered anew.
"""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision: str | None = "0035"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_NOTHING = hashlib.sha256(b"").hexdigest()

# An end without a result was that of an order whose place a newer one took. Of several open ones the newest is.
_COPY = """
    INSERT INTO till_order (id, till_id, kind, number, payload_sha256, signature, asked_by, asked_at, expires_at, state,
        told_at, obeyed_at, ended_at, done, total, unit, code, facts, note, result)
    SELECT id, till_id, 'synchronise', CAST(asked_at * 1000000 AS BIGINT) + id, :nothing, '', asked_by, asked_at, 0,
        CASE WHEN result IS NOT NULL THEN 'done' WHEN done_at IS NOT NULL OR later THEN 'replaced'
            WHEN picked_up_at IS NOT NULL THEN 'obeyed' WHEN offered_at IS NOT NULL THEN 'told' ELSE 'placed' END,
        offered_at, picked_up_at, CASE WHEN later THEN COALESCE(done_at, asked_at) ELSE done_at END, 0, 0, '', '', '{}',
        '{"posted_before":' || posted_before || ',"retried":' || retried || ',"replayed":' || replayed || '}',
        COALESCE(result, '')
    FROM (SELECT sync_order.*, EXISTS (SELECT 1 FROM sync_order AS newer WHERE newer.till_id = sync_order.till_id
        AND newer.id > sync_order.id) AS later FROM sync_order) AS old
"""


def upgrade() -> None:
    op.create_table(
        "order_payload",
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("written_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="order_payload_key"),
    )
    op.create_table(
        "till_order",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("till_id", _Id, sa.ForeignKey("till.id", name="till_order_till"), nullable=False),
        *_of_the_order(),
        *_of_its_way(),
    )
    connection = op.get_bind()
    connection.execute(sa.text(_COPY), {"nothing": _NOTHING})
    if connection.dialect.name == "postgresql":
        newest = "(SELECT COALESCE(MAX(id), 0) + 1 FROM till_order)"
        op.execute(f"SELECT setval(pg_get_serial_sequence('till_order', 'id'), {newest}, false)")
    is_open = sa.text("ended_at IS NULL")
    op.create_index("till_order_number", "till_order", ["till_id", "kind", "number"], unique=True)
    op.create_index(
        "till_order_open",
        "till_order",
        ["till_id", "kind"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_index("till_order_kind", "till_order", ["kind", "id"])


def _of_the_order() -> list[sa.Column[object]]:
    return [
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("payload_sha256", sa.Text, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("asked_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
    ]


def _of_its_way() -> list[sa.Column[object]]:
    return [
        sa.Column("told_at", sa.Double),
        sa.Column("begun_at", sa.Double),
        sa.Column("obeyed_at", sa.Double),
        sa.Column("ended_at", sa.Double),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("moved_at", sa.Double),
        sa.Column("seconds", sa.Double),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
    ]
