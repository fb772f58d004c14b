"""A SIGTERM, or a closing terminal, ends a command that started other programs as cleanly as Ctrl-C does."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_NAMES = [name for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]


@contextmanager
def ending_like_ctrl_c() -> Iterator[None]:
    """Whichever signal asks for the end raises ``KeyboardInterrupt``; afterwards all are as they were."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = {name: signal.signal(getattr(signal, name), interrupt) for name in _NAMES}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def ignore_interrupts() -> None:
    """From here on all is being stopped: whoever is impatient must not leave half of it running."""
    for name in _NAMES:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
