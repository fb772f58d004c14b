"""Where settings are read from: one TOML file, then environment variables, which win."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from malote.config.checks import (
    check_addresses,
    check_books,
    check_hours,
    check_operations,
    check_proxies,
    issuers,
    since,
)
from malote.config.errors import SettingsError
from malote.config.settings import Settings
from malote.fiscal import contingency


def load(path: Path | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from ``path`` (or ``MALOTE_CONFIG``, or ``malote.toml`` here when it exists) and the environment.

    ``home`` is relative to the settings file. Raises ``SettingsError``.
    """
    chosen = path or _path_of(environment)
    values = _read(chosen) if chosen else {}
    _forget_retired(values)
    _overlay(values, environment)
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{chosen or 'environment'}: {error}") from error
    check_addresses(settings, environment)
    check_proxies(settings.server.trusted_proxies, str(chosen or "environment"))
    check_operations(settings)
    check_books(settings.books, str(chosen or "environment"))
    check_hours(settings, str(chosen or "environment"))
    if not contingency.is_rule(settings.store.contingency_deadline):
        raise SettingsError(f"{chosen or 'environment'}: store.contingency_deadline: 24h, 168h, working_day, or empty")
    base = chosen.parent if chosen else Path()
    return msgspec.structs.replace(
        settings,
        home=str((base / settings.home).resolve()),
        store=msgspec.structs.replace(settings.store, issuers=issuers(settings), since=since(settings)),
    )


def file_of(path: Path | None = None, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The settings file that ``load`` reads; None where there is none."""
    chosen = path or _path_of(environment)
    return chosen.resolve() if chosen else None


def _forget_retired(values: dict[str, Any]) -> None:
    """A file written for an older version still starts the agent of a newer one."""
    for section, name in _RETIRED:
        if isinstance(values.get(section), dict):
            values[section].pop(name, None)


# Settings that say nothing any more.
_RETIRED = (("till", "max_document_bytes"),)  # the server tells its tills


def is_said(path: Path | None = None, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether there is any setting at all: a settings file, or a variable that stands for one."""
    named = (name for name in environment if name.startswith("MALOTE_") and name != "MALOTE_CONFIG")
    return (path or _path_of(environment)) is not None or any(named)


def _path_of(environment: Mapping[str, str]) -> Path | None:
    named = environment.get("MALOTE_CONFIG")
    if named:
        return Path(named)
    return Path("malote.toml") if Path("malote.toml").is_file() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise SettingsError(f"{path}: no such settings file") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error


def _overlay(values: dict[str, Any], environment: Mapping[str, str]) -> None:
    for field in msgspec.structs.fields(Settings):
        section = field.default
        if not isinstance(section, msgspec.Struct):
            named = environment.get(f"MALOTE_{field.name.upper()}")
            if named is not None:
                values[field.name] = named
            continue
        for setting in msgspec.structs.fields(type(section)):
            named = environment.get(f"MALOTE_{field.name.upper()}_{setting.name.upper()}")
            if named is not None:
                # A list is written with commas in between.
                values.setdefault(field.name, {})[setting.name] = (
                    [part.strip() for part in named.split(",") if part.strip()] if setting.type == list[str] else named
                )
