"""Wakes the capture when the POS's folder changes. Only a wake-up: what it misses, the rescan finds.

The watcher follows links, and one to ``/`` would make it watch the whole machine: with a link to a folder in it, only
the POS's folder itself is watched, and what happens in those below is left to the rescan.
"""

import os
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
    """Until the folder is another one, or somebody links another one into it."""
    recursive = recursive and not _holds_links(folder)
    seen = changes(
        folder,
        stop=stop,
        look_seconds=_LOOK_AGAIN_SECONDS,
        recursive=recursive,
        debounce_milliseconds=_DEBOUNCE_MILLISECONDS,
    )
    for paths in filter(None, seen):
        changed(paths)
        if recursive and any(map(_is_link, paths)):
            return


def _holds_links(folder: Path) -> bool:
    return any(_is_link(os.path.join(top, name)) for top, below, _ in os.walk(folder) for name in below)  # noqa: PTH118


def _is_link(path: str) -> bool:
    return os.path.islink(path) and os.path.isdir(path)  # noqa: PTH112, PTH114 - as the watcher tells it
