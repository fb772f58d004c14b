"""The tables of users, their sessions, sign-in attempts and the audit trail; of the same metadata as ``tables``."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from malote.database.tables import ROW_ID, metadata

user_account = Table(
    "user_account",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("name", Text, nullable=False),  # in lower case
    Column("display_name", Text, nullable=False),
    Column("password_hash", Text, nullable=False),  # Argon2id, with its parameters
    Column("role", Text, nullable=False),  # accounts.roles.Role
    Column("disabled", Boolean, nullable=False),
    Column("must_change_password", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("password_changed_at", Double, nullable=False),
    Column("last_signed_in_at", Double),
    UniqueConstraint("name", name="user_account_name"),
)

user_session = Table(
    "user_session",
    metadata,
    Column("token_hash", LargeBinary, nullable=False),  # SHA-256; the token itself is only in the browser
    Column("user_id", ROW_ID, ForeignKey("user_account.id", name="user_session_user"), nullable=False),
    Column("address", Text, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),  # to the minute
    Column("expires_at", Double, nullable=False),  # whatever is done with it
    Column("ended_at", Double),
    PrimaryKeyConstraint("token_hash", name="user_session_key"),
    Index("user_session_user_id", "user_id", "address"),
    Index("user_session_expires_at", "expires_at"),
)

# At most 65,536 rows of each kind, whatever anybody types: see accounts/throttle.py.
sign_in_attempt = Table(
    "sign_in_attempt",
    metadata,
    Column("kind", Text, nullable=False),
    Column("bucket", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("failed_at", Double, nullable=False),  # the last one
    Column("blocked_until", Double, nullable=False),
    PrimaryKeyConstraint("kind", "bucket", name="sign_in_attempt_key"),
    Index("sign_in_attempt_failed_at", "failed_at"),
)

# Rows are only ever added: triggers of the migration refuse anything else.
audit_entry = Table(
    "audit_entry",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=False),  # without gaps, from 1
    Column("at", Double, nullable=False),
    Column("actor", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("before", Text, nullable=False),  # JSON object, or empty
    Column("after", Text, nullable=False),  # JSON object, or empty
    Column("reason", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),  # SHA-256 over the hash before it and this row
    Index("audit_entry_actor", "actor", "id"),
    Index("audit_entry_action", "action", "id"),
    Index("audit_entry_object", "object", "id"),
)

# One row: the newest entry's id and hash. Its lock is what keeps the chain from forking.
audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("entry_id", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
