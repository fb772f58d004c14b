"""``entrada/<till>/recebidos/<day>/``: where a dropped file goes once the server has it, and how long it stays."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

from malote import durable, private
from malote import log as logs
from malote.intake.dropped_files import RECEIVED, Dropped
from malote.stand_still import signature_of
from malote.tills.till import Till

# Which of a till's files, by their hashes, the ERP is proven to have.
Proven = Callable[[Till, Sequence[bytes]], Collection[bytes]]

_HASHES_AT_ONCE = 500

log = logs.get_logger("malote.drop_folder")


def move(files: Sequence[Dropped], today: date) -> list[tuple[Dropped, Path, OSError | None]]:
    """Moves files that the spool has committed; returns each with its new place, or what prevented it.

    Renames first and syncs the folders once at the end: after a crash in between, the next scan meets a known file
    and moves it again.
    """
    results: list[tuple[Dropped, Path, OSError | None]] = []
    touched: set[Path] = set()
    for dropped in files:
        target = dropped.path
        try:
            folder = _folder_of(dropped.path.parent, today)
            target = free_name(folder / dropped.path.name)
            dropped.path.rename(target)
        except OSError as error:
            results.append((dropped, target, error))
            continue
        touched |= {folder, dropped.path.parent}
        results.append((dropped, target, None))
    for folder in sorted(touched, reverse=True):  # the deeper one, where the files went, before where they came from
        durable.sync_folder(folder)
    return results


def put_back(dropped: Dropped, moved: Path) -> None:
    """Returns a file that was written to while it was moved, so that it is taken again. Raises ``OSError``."""
    durable.move(moved, free_name(dropped.path))


def was_written_to(dropped: Dropped, moved: Path) -> bool:
    """Whether the file changed after it was read. Raises ``OSError``, ``FileNotFoundError`` when it is gone."""
    now = signature_of(moved.lstat())
    # Not the inode: a network file system may give another one to a file that was renamed.
    return (now.size, now.modified) != (dropped.signature.size, dropped.signature.modified)


def prune(root: Path, tills: Collection[Till], before: date, proven: Proven) -> int:
    """Deletes received files of days before ``before`` that the ERP is proven to have; returns how many.

    The others stay, however old, since each may be the last copy. Raises ``OSError`` and what ``proven`` raises.
    """
    by_name = {till.name.lower(): till for till in tills}
    deleted = 0
    for inbox in sorted(root.iterdir()) if root.is_dir() else []:
        till = by_name.get(inbox.name.lower())
        if till is not None and not inbox.is_symlink():
            deleted += _prune_inbox(till, inbox, before, proven)
    return deleted


def _prune_inbox(till: Till, inbox: Path, before: date, proven: Proven) -> int:
    """A day that can't be deleted now holds back neither other days nor other tills."""
    deleted = 0
    try:
        for folder in _days(inbox / RECEIVED, before):
            try:
                deleted += _prune_day(till, folder, proven)
            except OSError as error:
                log.warning("received_stay", till=till.name, reason=error.strerror or type(error).__name__)
    except OSError as error:
        log.warning("received_stay", till=till.name, reason=error.strerror or type(error).__name__)
    return deleted


def first_day_kept(today: date, keep_days: float) -> date:
    return today - timedelta(days=keep_days)


def free_name(path: Path) -> Path:
    """``path``, or the next one like it (``venda~2.xml``) that nothing has."""
    candidate, number = path, 1
    while candidate.exists() or candidate.is_symlink():
        number += 1
        candidate = path.with_name(f"{path.stem}~{number}{path.suffix}")
    return candidate


def _folder_of(inbox: Path, today: date) -> Path:
    received = inbox / RECEIVED
    folder = received / today.isoformat()
    if received.is_symlink() or folder.is_symlink():
        raise NotADirectoryError(20, f"{RECEIVED} is a link")
    return durable.make_folder(folder, mode=private.FOLDER)


def _days(received: Path, before: date) -> Iterator[Path]:
    if received.is_symlink() or not received.is_dir():
        return
    for folder in sorted(received.iterdir()):
        day = _day(folder.name)
        if day is not None and day < before and folder.is_dir() and not folder.is_symlink():
            yield folder


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(name)
    except ValueError:
        return None


def _prune_day(till: Till, folder: Path, proven: Proven) -> int:
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.is_symlink()]
    deleted = 0
    for start in range(0, len(files), _HASHES_AT_ONCE):
        hashes = {path: _hash_of(path) for path in files[start : start + _HASHES_AT_ONCE]}
        safe = set(proven(till, list(hashes.values())))
        for path, found in hashes.items():
            if found in safe:
                path.unlink()
                deleted += 1
    if not any(folder.iterdir()):
        folder.rmdir()
    durable.sync_folder(folder.parent)
    return deleted


def _hash_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
