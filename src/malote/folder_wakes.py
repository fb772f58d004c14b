"""Wakes a worker when something happens in the folders of a root, and every so often, since watchers miss files.

A watcher only makes it quicker: whoever is woken looks for himself. Where there is none (a network share, too many
watches), looking regularly is enough.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from watchfiles import watch

from malote import durable
from malote import log as logs

WATCHED_SECONDS = 10.0  # between looks at everything while a watcher tells what happens
_STEP_MILLISECONDS = 250  # in which the watcher looks for news: each look costs
_DEBOUNCE_MILLISECONDS = 1000

# Elsewhere one watch sees all that is below it; here each folder takes one, and those of no interest are spared.
_ONE_BY_ONE = sys.platform.startswith("linux")

log = logs.get_logger("malote.folder_wakes")


class Wake(NamedTuple):
    """``names``: folders of the root in which something happened. None: whatever may have happened anywhere."""

    names: frozenset[str] | None


EVERYTHING = Wake(None)


def wakes(root: Path, stop: threading.Event, rescan_seconds: float, *, watched: bool) -> Iterator[Wake]:
    """Yields at once, whenever something happens, and every ``rescan_seconds``, until ``stop`` is set.

    Unless it is ``watched``, each time means everything.
    """
    yield EVERYTHING
    while watched and not stop.is_set():
        try:
            yield from _watched(root, stop, rescan_seconds)
        except FileNotFoundError:
            # One of them went away before its watch stood: the next try is about those that are left.
            stop.wait(rescan_seconds)
        except (OSError, RuntimeError) as error:
            log.warning("folder_not_watched", folder=root.name, reason=type(error).__name__)
            break
    while not stop.wait(rescan_seconds):
        yield EVERYTHING


def until_done(
    scan: Callable[[Collection[str] | None], int], wake: Wake, stop: threading.Event, quiet_seconds: float
) -> None:
    """Scans what a wake tells of, and again, ``quiet_seconds`` later, while ``scan`` says that something isn't done.

    Everything then: nobody listens meanwhile to what else happens, and what never gets done must hide nothing.
    """
    names = wake.names
    while True:
        began = time.monotonic()
        if not scan(names) or stop.wait(max(0.0, began + quiet_seconds - time.monotonic())):
            return
        names = None


def changes(
    root: Path,
    *others: Path,
    stop: threading.Event,
    look_seconds: float,
    recursive: bool,
    debounce_milliseconds: int = _DEBOUNCE_MILLISECONDS,
) -> Iterator[set[str]]:
    """The paths that changed, none of them every ``look_seconds``; ends once ``root`` is another folder than before,
    replaced or mounted over. Raises ``OSError`` and ``RuntimeError`` where nothing can be watched."""
    itself, pause = _identity(root), max(1, round(look_seconds * 1000))
    for seen in watch(
        root,
        *others,
        watch_filter=None,
        debounce=debounce_milliseconds,
        step=min(_STEP_MILLISECONDS, pause),
        stop_event=stop,
        rust_timeout=pause,
        yield_on_timeout=True,
        raise_interrupt=False,
        recursive=recursive,
        ignore_permission_denied=True,
    ):
        if stop.is_set():
            return
        yield {path for _, path in seen}
        if _identity(root) != itself:
            return


def _watched(root: Path, stop: threading.Event, rescan_seconds: float) -> Iterator[Wake]:
    """Until the folders are others than those being watched."""
    durable.make_folder(root)
    folders = _folders(root) if _ONE_BY_ONE else set()
    everything_at = 0.0  # what happened before the watch stood
    each = changes(root, *sorted(folders), stop=stop, look_seconds=rescan_seconds, recursive=not _ONE_BY_ONE)
    for paths in each:
        names = frozenset(_first(root, path) for path in paths)
        if time.monotonic() >= everything_at:
            everything_at = time.monotonic() + WATCHED_SECONDS
            yield EVERYTHING
        else:
            yield Wake(names)
        of_root = any(Path(path).parent == root for path in paths)
        if _ONE_BY_ONE and of_root and _folders(root) != folders:
            return


def _first(root: Path, path: str) -> str:
    """The folder of the root that a path is in, or the path's own name."""
    inside = os.path.relpath(path, root)
    return Path(inside).parts[0] if inside != os.curdir else ""


def _folders(root: Path) -> set[Path]:
    with os.scandir(root) as entries:
        return {Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)}


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
