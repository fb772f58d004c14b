"""Which database a scope means, and how it is reached."""

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from malote.config import Settings
from malote.erp.altering import AlteringPlace, AlteringTarget, Patience, SessionPresence
from malote.erp.engine_loader import has_part, part_of
from malote.erp.factory import tables_of
from malote.erp_engines import BY_SCHEME
from malote.schema.definition import Scope, StructureError


def open_target(
    scope: Scope, settings: Settings, schema: str = "", presence: SessionPresence | None = None, remembered: str = ""
) -> AlteringTarget:
    """The database of a scope; nothing is connected yet. ``presence`` makes sessions in the ERP known as Malote's.
    ``remembered``: the ERP's schema that was booked into before.

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
    backend = url.get_backend_name()
    if not has_part(backend, "target") or (BY_SCHEME[backend].is_file and not url.database):
        raise StructureError("structure_engine_unsupported", engine=backend)
    place = AlteringPlace(schema)
    if scope == "erp":
        user = _user_of(settings.erp_url) if chosen.erp_url else ""
        place = AlteringPlace(schema, user, tables_of(settings).ledger_name, presence, remembered)
    target: AlteringTarget = part_of(backend, "target").TARGET(url, scope, patience, place)
    return target


def _user_of(address: str) -> str:
    """Who posts, where somebody else alters the tables."""
    try:
        return make_url(address).username or ""
    except (ArgumentError, ValueError):
        return ""
