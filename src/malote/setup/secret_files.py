"""Whether strangers can read the files of a server that hold passwords: its settings, and those that these name.

Nothing is changed: the files are an administrator's, and a service that reads them by its group (0640) does right.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from malote.check_result import STRANGERS, Checked, right, secret
from malote.config import Settings

_ADDRESSES = (("erp", "url"), ("database", "url"), ("structures", "erp_url"))
_SECRETS = (("locks", "dba_password"), ("till", "token"), ("alerts", "targets"))


def examine(settings: Settings, settings_file: Path | None) -> Iterator[Checked]:
    """One line for the settings, and one for each file that they name."""
    if settings_file is not None and _holds_secrets(settings_file):
        yield secret("settings", settings_file, "home", others=STRANGERS)
    else:
        yield right("settings")
    named = {
        "locks.dba_password_file": settings.locks.dba_password_file,
        "alerts.targets_file": settings.alerts.targets_file,
    }
    for setting, file in named.items():
        if file:
            yield secret("secrets", settings.home_path / file, setting, others=STRANGERS)


def _holds_secrets(path: Path) -> bool:
    """By the file itself: what the environment gives stands nowhere that others could read."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return True  # somebody is writing it
    return any(_value(values, *name) for name in _SECRETS) or any(
        _has_password(str(_value(values, *name) or "")) for name in _ADDRESSES
    )


def _value(values: Mapping[str, Any], section: str, name: str) -> object:
    found = values.get(section)
    return found.get(name) if isinstance(found, dict) else None


def _has_password(address: str) -> bool:
    """Whatever stands after a user's name or in the query may be one."""
    try:
        parts = urlsplit(address)
        return bool(parts.password) or "password" in parts.query
    except ValueError:
        return True
