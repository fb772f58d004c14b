"""What the types of the settings don't say. Each raises ``SettingsError``."""

import ipaddress
import re
from collections.abc import Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from malote import address, erp_engines
from malote.address import AddressError
from malote.config.errors import SettingsError
from malote.config.sections import BooksSettings
from malote.config.settings import Settings
from malote.fiscal import typed_input
from malote.fiscal.cfops import operation
from malote.fiscal.typed_input import TypedError
from malote.quiet_hours import are_hours

_ADDRESSES: dict[str, tuple[str, ...]] = {
    "database.url": ("sqlite", "postgresql"),
    "erp.url": erp_engines.NAMES,
    "structures.erp_url": erp_engines.NAMES,
}

_TIME = r"([01]\d|2[0-3]):[0-5]\d"


def check_addresses(settings: Settings, environment: Mapping[str, str]) -> None:
    """Here, before anybody connects: what can be read in two ways would be repeated by whoever looks for the server.

    An empty variable is one that somebody forgot to fill: it must not quietly mean a file to try things out with.
    """
    for name in ("database.url", "erp.url"):
        variable = f"MALOTE_{name.upper().replace('.', '_')}"
        if environment.get(variable, "x").strip() == "":
            raise _invalid(settings, name, f'{variable}=""')
    for name, schemes in _ADDRESSES.items():
        section, _, field = name.partition(".")
        given = getattr(getattr(settings, section), field)
        try:
            if given:
                address.check(given, schemes)
        except AddressError as error:
            code = "erp_address_invalid" if name == "erp.url" else "address_invalid"
            raise _invalid(settings, name, error.detail, code) from None


def check_operations(settings: Settings) -> None:
    for cfop in settings.fiscal.operations:
        if operation(cfop, {}) is None:
            raise _invalid(settings, "fiscal.operations", cfop)


def issuers(settings: Settings) -> list[str]:
    """As documents write them, however they were typed."""
    try:
        return [typed_input.taxpayer(one) for one in settings.store.issuers]
    except TypedError as error:
        raise _invalid(settings, "store.issuers", error.detail) from None


def since(settings: Settings) -> str:
    try:
        zone = settings.books.zone
        return typed_input.lasting_since(settings.store.since, ZoneInfo(zone) if zone else None)
    except TypedError as error:
        raise _invalid(settings, "store.since", error.detail) from None


def check_hours(settings: Settings, where: str) -> None:
    for name, hours in (("alerts", settings.alerts.quiet_hours), ("loads", settings.loads.quiet_hours)):
        if hours and not are_hours(hours):
            raise SettingsError(f"{where}: {name}.quiet_hours: HH:MM-HH:MM")
    if settings.loads.rise_at and not re.fullmatch(_TIME, settings.loads.rise_at):
        raise SettingsError(f"{where}: loads.rise_at: HH:MM")


def check_books(books: BooksSettings, where: str) -> None:
    if not re.fullmatch(_TIME, books.day_begins):
        raise SettingsError(f"{where}: books.day_begins: HH:MM")
    try:
        ZoneInfo(books.zone or "UTC")
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise SettingsError(f"{where}: books.zone: {error}") from error


def _invalid(settings: Settings, name: str, detail: str, code: str = "setting_invalid") -> SettingsError:
    variable = f"MALOTE_{name.upper().replace('.', '_')}"
    facts = {"setting": name, "variable": variable, "detail": detail}
    return SettingsError(f"{name}: {detail}", code, facts, settings.language)


def check_proxies(named: list[str], where: str) -> None:
    """Raises ``SettingsError``: a name in their place would be believed by nobody, and nobody told."""
    for each in named:
        try:
            ipaddress.ip_network(each, strict=False)
        except ValueError as error:
            raise SettingsError(f"{where}: server.trusted_proxies: {error}") from error
