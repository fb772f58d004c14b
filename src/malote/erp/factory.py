"""The ERP at an address, on whichever engine that names; the list of engines is ``malote.erp_engines``."""

from typing import Any

from malote.config import Settings
from malote.erp import address
from malote.erp.base import Options
from malote.erp.engine_loader import has_part, part_of
from malote.erp.mapping import BUILT_IN, ErpTables
from malote.erp.profiles.errors import ProfileError
from malote.erp.profiles.profile import Profile, load
from malote.erp.protocol import Erp, ErpError, Introduce
from malote.erp_engines import BY_SCHEME, title_of


def open_erp(
    url: str,
    *,
    lock_timeout_seconds: float,
    statement_timeout_seconds: float = 30.0,
    tables: ErpTables = BUILT_IN,
    nearest_letters: bool = False,
    remembered: str = "",
    introduce: Introduce | None = None,
) -> Erp:
    """The ERP at ``url``. Nothing is connected yet, so that an ERP which is away doesn't keep Malote from starting.
    ``nearest_letters``: a text with characters that its encoding lacks is written in others, and that is told.
    ``remembered``: the schema booked into before, where several have a ledger.

    ``introduce`` is told which session does the work.

    Raises ``ErpError`` with ``erp_address_invalid`` for an address that no engine understands.
    """
    parsed = address.parsed(url)
    if not has_part(parsed.drivername, "engine"):
        raise address.invalid(f"{parsed.drivername}: known are {', '.join(sorted(BY_SCHEME))}")
    engine: Any = part_of(parsed.drivername, "engine").ERP
    if tables.state is not None and not engine.keeps_state:
        why = f"{tables.profile.name}: [state], tables of ordinary design, is not written for {title_of(url)} yet"
        raise ErpError("erp_profile_invalid", detail=why)
    options = Options(
        lock_timeout=lock_timeout_seconds,
        statement_timeout=statement_timeout_seconds,
        tables=tables,
        nearest_letters=nearest_letters,
        remembered=remembered,
        introduce=introduce,
    )
    opened: Erp = engine(parsed, options)
    return opened


def tables_of(settings: Settings) -> ErpTables:
    """The tables of the profile in force. Raises ``ErpError`` with ``erp_profile_invalid``."""
    try:
        return ErpTables(chosen_profile(settings), schema=settings.erp.schema)
    except ProfileError as error:
        raise ErpError("erp_profile_invalid", detail=error.detail) from error


def chosen_profile(settings: Settings) -> Profile:
    """Raises ``ProfileError``."""
    return load(settings.erp.profile, settings.home_path)


def open_configured(
    settings: Settings, url: str = "", introduce: Introduce | None = None, *, remembered: str = ""
) -> Erp:
    """The ERP of the settings, at another address if one is given. Raises as ``open_erp`` and ``tables_of``."""
    return open_erp(
        url or settings.erp_url,
        lock_timeout_seconds=settings.erp.lock_timeout_seconds,
        statement_timeout_seconds=settings.erp.statement_timeout_seconds,
        tables=tables_of(settings),
        nearest_letters=settings.erp.unencodable == "transliterate",
        remembered=remembered,
        introduce=introduce,
    )
