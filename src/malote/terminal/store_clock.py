"""The store's clock, by which commands say when something was: the settings' one, else the one that most tills print,
else this machine's.

Each command sets it with its settings, or with the store database it opens. Use before that is a fault of the program:
it would be this machine's clock unnoticed.
"""

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo


class _Clock:
    def __init__(self) -> None:
        self.is_set = False
        self.zone: tzinfo | None = None
        self.told: Callable[[], tzinfo | None] | None = None  # asked once, when it is needed


_clock = _Clock()


def set_to(name: str, told: Callable[[], tzinfo | None] | None = None) -> None:
    """``name`` as ``books.zone`` has it; ``told`` gives one where that is empty."""
    _clock.zone, _clock.told = (ZoneInfo(name) if name else None), (None if name else told)
    _clock.is_set = True


def unset() -> None:
    """As when a command begins."""
    _clock.is_set, _clock.zone, _clock.told = False, None, None


def zone() -> tzinfo | None:
    """None: this machine's."""
    if not _clock.is_set:
        raise RuntimeError("the store's clock is read before the command opened its settings or its store")
    if _clock.told is not None:
        ask, _clock.told = _clock.told, None
        _clock.zone = ask()
    return _clock.zone


def here(at: float) -> datetime:
    """Seconds since the epoch by the store's clock."""
    return datetime.fromtimestamp(at, UTC).astimezone(zone())


def now() -> datetime:
    return datetime.now(UTC).astimezone(zone())
