"""Wakes the capture when the POS's folder changes. Only a wake-up: what it misses, the rescan finds."""

import os
from collections.abc import Callable
from pathlib import Path
from threading import Event

import watchfiles

_LOOK_AGAIN_MILLISECONDS = 5000
_DEBOUNCE_MILLISECONDS = 200


def watch(
    folder: Path, changed: Callable[[set[str]], None], stop: Event, *, recursive: bool, retry_seconds: float
) -> None:
    """Calls ``changed`` with the paths that changed, until ``stop``. Where watching is impossible it stays quiet."""
    while not stop.is_set():
        try:
            _watch_once(folder, changed, stop, recursive)
        except (OSError, RuntimeError):
            # No such folder yet, no watches left, a file system that has none: the rescan does the work.
            stop.wait(retry_seconds)


def _watch_once(folder: Path, changed: Callable[[set[str]], None], stop: Event, recursive: bool) -> None:
    watched = _identity(folder)
    for changes in watchfiles.watch(
        folder,
        watch_filter=None,
        debounce=_DEBOUNCE_MILLISECONDS,
        stop_event=stop,
        rust_timeout=_LOOK_AGAIN_MILLISECONDS,
        yield_on_timeout=True,
        raise_interrupt=False,
        recursive=recursive,
        ignore_permission_denied=True,
    ):
        if changes:
            changed({path for _, path in changes})
        # A folder that was replaced, or mounted over, is another one than the one being watched.
        if _identity(folder) != watched:
            return


def _identity(folder: Path) -> tuple[int, int]:
    found = os.stat(folder)  # noqa: PTH116 - said as the system says it
    return found.st_dev, found.st_ino
