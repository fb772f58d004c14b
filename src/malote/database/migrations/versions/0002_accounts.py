"""Users, their sessions, sign-in attempts and the audit trail."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _create_users()
    _create_sign_in_attempts()
    _create_audit()
    if op.get_bind().dialect.name == "postgresql":
        _append_only_on_postgresql()
    else:
        _append_only_on_sqlite()


def _create_users() -> None:
    op.create_table(
        "user_account",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("must_change_password", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("password_changed_at", sa.Double, nullable=False),
        sa.Column("last_signed_in_at", sa.Double),
        sa.UniqueConstraint("name", name="user_account_name"),
    )
    op.create_table(
        "user_session",
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("user_id", _Id, sa.ForeignKey("user_account.id", name="user_session_user"), nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.Column("seen_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.Column("ended_at", sa.Double),
        sa.PrimaryKeyConstraint("token_hash", name="user_session_key"),
    )
    op.create_index("user_session_user_id", "user_session", ["user_id", "address"])
    op.create_index("user_session_expires_at", "user_session", ["expires_at"])


def _create_sign_in_attempts() -> None:
    op.create_table(
        "sign_in_attempt",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("bucket", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("failed_at", sa.Double, nullable=False),
        sa.Column("blocked_until", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("kind", "bucket", name="sign_in_attempt_key"),
    )
    op.create_index("sign_in_attempt_failed_at", "sign_in_attempt", ["failed_at"])


def _create_audit() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", _Id, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
    for column in ("actor", "action", "object"):
        op.create_index(f"audit_entry_{column}", "audit_entry", [column, "id"])
    head = op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("entry_id", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
    op.bulk_insert(head, [{"id": 1, "entry_id": 0, "hash": bytes(32)}])


# They guard against a mistake, not against the database's owner: that one is found out by the chain.


def _append_only_on_sqlite() -> None:
    for event in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_entry_no_{event.lower()} BEFORE {event} ON audit_entry"
            " BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
        )


def _append_only_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION audit_entry_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_refuse()"
    )
