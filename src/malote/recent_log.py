"""The newest log lines of this process, for whoever gathers evidence: as many as fit, and only in memory."""

import threading
from collections import deque
from collections.abc import MutableMapping
from typing import Any

MOST = 4000

_lines: deque[dict[str, Any]] = deque(maxlen=MOST)
_lock = threading.Lock()


def keep(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor of structlog, behind those that add level and time."""
    with _lock:
        _lines.append(dict(event))
    return event


def lines() -> list[dict[str, Any]]:
    """The oldest first."""
    with _lock:
        return list(_lines)
