"""The log of a command, on standard error."""

import sys
from collections.abc import MutableMapping
from functools import partial
from typing import Any

from malote import log, recent_log
from malote.plain import clean, clean_lines


def _cleaned(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """No value of a log line forges another line; a trace has several by nature."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = clean_lines(value) if name == "traceback" else clean(value)
        elif not isinstance(value, int | float | bool | None):
            event[name] = clean(str(value))
    return event


def set_up_logs(*, for_good: bool = False) -> None:
    """Log lines on standard error, cleaned: for people on a terminal, one JSON object a line otherwise.

    Without it they would stand raw within what a command prints. ``for_good``: until the process ends, where many
    lines may come; otherwise standard error is looked for at each.
    """
    log.set_up_with(partial(_configure, for_good=for_good))


def _configure(*, for_good: bool) -> None:
    import structlog

    if structlog.is_configured():
        return
    on_terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            _cleaned,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=not on_terminal),
            recent_log.keep,
            structlog.dev.ConsoleRenderer() if on_terminal else structlog.processors.JSONRenderer(),
        ],
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=for_good,
    )
