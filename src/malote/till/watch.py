"""Wakes the capture when the POS's folder changes. Only a wake-up: what it misses, the rescan finds."""

from collections.abc import Callable
from pathlib import Path
from threading import Event

from malote.folder_wakes import changes

_LOOK_AGAIN_SECONDS = 5.0
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
    """Until the folder is another one."""
    seen = changes(
        folder,
        stop=stop,
        look_seconds=_LOOK_AGAIN_SECONDS,
        recursive=recursive,
        debounce_milliseconds=_DEBOUNCE_MILLISECONDS,
    )
    for paths in filter(None, seen):
        changed(paths)
