"""Which database a scope means, and how it is reached."""

from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from malote.config import Settings
from malote.erp.engines import tables_of
from malote.spool.presence import Presence
from malote.structures.form import Scope, StructureError
from malote.structures.on_postgresql import PostgresqlTarget
from malote.structures.on_sqlite import SqliteTarget
from malote.structures.targets import Patience, Target


def open_target(scope: Scope, settings: Settings, schema: str = "", presence: Presence | None = None) -> Target:
    """The database of a scope; nothing is connected yet. ``presence`` makes sessions in the ERP known as Malote's.

    Raises ``StructureError``: ``structure_scope_of_tills``, ``structure_engine_unsupported``.
    """
    if scope == "till":
        raise StructureError("structure_scope_of_tills")
    chosen = settings.structures
    patience = Patience(chosen.lock_timeout_seconds, chosen.patience_seconds, chosen.index_seconds)
    address = settings.database_url if scope == "store" else chosen.erp_url or settings.erp_url
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise StructureError("structure_engine_unsupported", engine="?") from None
    match url.get_backend_name():
        case "postgresql" | "postgres":
            if scope == "store":
                return PostgresqlTarget(url, scope, patience, schema=schema)
            user = _user_of(settings.erp_url) if chosen.erp_url else ""
            ledger = tables_of(settings).ledger_name
            return PostgresqlTarget(
                url, scope, patience, schema=schema, posting_user=user, ledger=ledger, presence=presence
            )
        case "sqlite" if url.database:
            return SqliteTarget(Path(url.database), scope, patience)
        case other:
            raise StructureError("structure_engine_unsupported", engine=other)


def _user_of(address: str) -> str:
    """Who posts, where somebody else alters the tables."""
    try:
        return make_url(address).username or ""
    except (ArgumentError, ValueError):
        return ""
