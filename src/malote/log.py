"""The log: what every part writes its lines to. The library behind it is loaded with the first line, which most
commands never write."""

import threading
from collections.abc import Callable
from typing import Any

_set_up: list[Callable[[], None]] = []
_setting_up = threading.Lock()


class Logger:
    """Has the methods of structlog's loggers."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        return getattr(_structlog().get_logger(self._name), method)


def get_logger(name: str) -> Logger:
    return Logger(name)


def set_up_with(set_up: Callable[[], None]) -> None:
    """Calls it before the first line that is written."""
    _set_up[:] = [set_up]


def _structlog() -> Any:
    import structlog

    if _set_up:
        with _setting_up:
            for one in tuple(_set_up):
                one()
                _set_up.remove(one)  # only now: another thread's line waits until then
    return structlog
