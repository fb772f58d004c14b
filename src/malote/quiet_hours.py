"""Hours in which less happens than otherwise: fewer alerts, no whole loads. Written as ``22:00-06:00``."""

import re

_TIME = r"([01]\d|2[0-3]):[0-5]\d"
_HOURS = re.compile(f"{_TIME}-{_TIME}")


def are_hours(text: str) -> bool:
    return _HOURS.fullmatch(text) is not None


def is_quiet(hours: str, now: str) -> bool:
    """``hours`` past midnight too; "": never. ``now`` as ``HH:MM``, by the store's clock."""
    begins, _, ends = hours.partition("-")
    if begins <= ends:
        return begins <= now < ends
    return now >= begins or now < ends
