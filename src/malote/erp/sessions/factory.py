"""The engines whose sessions can be looked at, by the ERP's address: they have ``sessions``, and ``watch``."""

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from malote.erp.engine_loader import has_part, part_of
from malote.erp.mapping import BUILT_IN, ErpTables
from malote.erp.sessions.errors import SessionsError
from malote.erp.sessions.protocol import DbaLogin, Own, Sessions
from malote.erp.sessions.watching import Watch


def open_sessions(url: str, login: DbaLogin | None, tables: ErpTables = BUILT_IN) -> Sessions:
    """The ERP at ``url``, with a DBA's login instead of the address' own, where it has logins. ``tables`` are Malote's.

    Raises ``SessionsError``: ``dba_login_needed``, ``dba_login_refused``, ``erp_away``, ``sessions_unsupported``.
    """
    address = _address(url)
    backend = address.get_backend_name()
    if not has_part(backend, "sessions"):
        raise SessionsError("sessions_unsupported", engine=backend)
    if login is None and has_sessions(url):
        raise SessionsError("dba_login_needed")
    opened: Sessions = part_of(backend, "sessions").OPENED(address, login, names_of(tables))
    return opened


def has_sessions(url: str) -> bool:
    """Whether it may have sessions that somebody could log in to look at: False for a file."""
    try:
        backend = _address(url).get_backend_name()
    except SessionsError:
        return True
    return not has_part(backend, "sessions") or part_of(backend, "sessions").HAS_SESSIONS


def names_of(tables: ErpTables) -> frozenset[str]:
    """What the tables are called, without a schema."""
    return frozenset({str(tables.ledger.name), *(part.name for part in tables.parts)})


def _address(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        # The address may hold a password: neither it nor what was said of it is repeated.
        raise SessionsError("sessions_unsupported", engine="?") from None


def open_watch(url: str, tables: ErpTables = BUILT_IN, own: Own = frozenset) -> Watch | None:
    """A watch over the ERP at ``url`` with the address' own login. Connects later. ``own`` tells the posters'
    sessions.

    None for an engine that has none, and for an address that no engine understands.
    """
    try:
        address = _address(url)
    except SessionsError:
        return None
    if not has_part(address.get_backend_name(), "watch"):
        return None
    watch: Watch = part_of(address.get_backend_name(), "watch").WATCH(address, tables, own)
    return watch


def named(url: str, program: str) -> str:
    """The address under which a connection shows as ``program``, where the engine has such names."""
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        return url  # whoever opens it says so
    if not has_part(address.get_backend_name(), "watch"):
        return url
    shown: URL = part_of(address.get_backend_name(), "watch").named(address, program)
    return shown.render_as_string(hide_password=False)
