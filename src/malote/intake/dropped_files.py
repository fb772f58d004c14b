"""What lies in the drop folder ``entrada/<till>/``: files that may be taken, and findings that need a person.

Looking changes nothing, so that the server and ``malote status`` can both do it.
"""

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from malote import aside, incidents
from malote.intake.file_names import base_name
from malote.stand_still import FileSignature, signature_of
from malote.tills.till import Till

RECEIVED = "recebidos"

# Names of files that are being written, or that a file browser left: never a sale.
_UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".crdownload")
_LEFT_BY_BROWSERS = {"thumbs.db", "desktop.ini"}


class DropFolderFinding(msgspec.Struct, frozen=True):
    """Something in the drop folder that isn't taken in; ``code`` is in the catalogue. It stays where it is."""

    till: str
    name: str  # for people
    code: str
    facts: dict[str, str] = {}


class Dropped(NamedTuple):
    """A file that may be taken, as it looked just now."""

    till: Till
    path: Path
    signature: FileSignature


class ChangedError(Exception):
    """The file is no longer the one that was looked at; the next scan meets it again."""


def look(root: Path, tills: Collection[Till], max_bytes: int) -> Iterator[Dropped | DropFolderFinding]:
    """All that lies in ``root`` now, each till's files oldest first. No folder: nothing.

    A folder is a till's whatever its capitals; what lies in folders of unknown or disabled tills stays there. Files
    over ``max_bytes`` and whatever isn't an ordinary file are findings. Raises ``OSError`` when ``root`` itself can't
    be listed.
    """
    folders, others = places(root)
    yield from (misplaced(root / name) for name in others)
    by_name = {till.name.lower(): till for till in tills}
    for name, path in sorted(folders.items()):
        yield from look_at(path, by_name.get(name.lower()), max_bytes)


def places(root: Path) -> tuple[dict[str, Path], list[str]]:
    """The folders in ``root`` by name, and the names of what lies beside them. Raises ``OSError``."""
    if not root.is_dir():
        return {}, []
    with os.scandir(root) as entries:
        seen = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries if not _is_ignored(entry.name)}
    folders = {name: root / name for name, is_folder in seen.items() if is_folder}
    return folders, sorted(seen.keys() - folders.keys())


def misplaced(path: Path) -> DropFolderFinding:
    """What lies beside the folders. No link is followed: a till's folder that is one might be somebody else's."""
    if path.is_symlink():
        return DropFolderFinding("", base_name(path.name), "file_irregular", {"detail": "link"})
    return DropFolderFinding("", base_name(path.name), "file_misplaced")


def look_at(folder: Path, till: Till | None, max_bytes: int) -> Iterator[Dropped | DropFolderFinding]:
    """The same of one of the folders, which is ``till``'s. Never raises: what breaks the program is a finding."""
    try:
        if till is None:
            yield from _look_at_closed(folder, "till_unknown", {"till": base_name(folder.name)})
        elif till.disabled_at is not None:
            yield from _look_at_closed(folder, "till_disabled", {})
        else:
            yield from _look_at_till(till, folder, max_bytes)
    except Exception as error:  # noqa: BLE001 - one folder must not hold back the others
        incident = incidents.report("drop_folder_failed", error)
        yield DropFolderFinding(
            base_name(folder.name), f"{base_name(folder.name)}/", "file_set_aside", {"incident": incident}
        )


def content_of(dropped: Dropped) -> bytes:
    """The file's bytes, never more than its signature says.

    Raises ``ChangedError`` when it isn't what was looked at, and ``OSError`` when it can't be read.
    """
    # Neither follows a link put in its place, nor waits for a pipe's other end.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(dropped.path, flags)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - of a descriptor
        if signature_of(os.fstat(descriptor)) != dropped.signature:
            raise ChangedError(dropped.path.name)
        content = file.read(dropped.signature.size + 1)
        if len(content) != dropped.signature.size or signature_of(os.fstat(descriptor)) != dropped.signature:
            raise ChangedError(dropped.path.name)
    return content


def _look_at_till(till: Till, folder: Path, max_bytes: int) -> Iterator[Dropped | DropFolderFinding]:
    files: list[Dropped] = []
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - names are enough, and there may be many
    except OSError as error:
        yield _unreadable(till.name, f"{folder.name}/", error)
        return
    notes = {name for name in names if aside.is_note(name)}
    for name in names:
        if name == RECEIVED or _is_ignored(name):
            continue
        seen = _look_at_file(till, folder / name, max_bytes)
        if isinstance(seen, Dropped) and aside.noted(notes, name):
            seen = _set_aside(seen) or seen
        if isinstance(seen, DropFolderFinding):
            yield seen
        elif seen is not None:
            files.append(seen)
    yield from sorted(files, key=lambda file: (file.signature.modified, file.path.name))


def _look_at_file(till: Till, path: Path, max_bytes: int) -> Dropped | DropFolderFinding | None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    except OSError as error:
        return _unreadable(till.name, path.name, error)
    if not stat.S_ISREG(status.st_mode):
        return DropFolderFinding(
            till.name, base_name(path.name), "file_irregular", {"detail": _kind_of(status.st_mode)}
        )
    if status.st_size > max_bytes:
        facts = {"size": str(status.st_size), "limit": str(max_bytes)}
        return DropFolderFinding(till.name, base_name(path.name), "file_too_large", facts)
    if status.st_size == 0:
        return DropFolderFinding(till.name, base_name(path.name), "empty_file")
    return Dropped(till, path, signature_of(status))


def _set_aside(dropped: Dropped) -> DropFolderFinding | None:
    """The finding where the file broke this version of the program before."""
    incident = aside.incident_of(dropped.path, dropped.signature.size, dropped.signature.modified)
    return None if incident is None else set_aside(dropped, incident)


def set_aside(dropped: Dropped, incident: str) -> DropFolderFinding:
    return DropFolderFinding(dropped.till.name, base_name(dropped.path.name), "file_set_aside", {"incident": incident})


def _look_at_closed(folder: Path, code: str, facts: dict[str, str]) -> Iterator[DropFolderFinding]:
    """A folder from which nothing is taken: one finding, however many files wait in it."""
    name = base_name(folder.name)
    try:
        with os.scandir(folder) as entries:
            waiting = any(entry.name != RECEIVED and not _is_ignored(entry.name) for entry in entries)
    except OSError as error:
        yield _unreadable(name, f"{name}/", error)
        return
    if waiting:
        yield DropFolderFinding(name, f"{name}/", code, facts)


def _unreadable(till: str, name: str, error: OSError) -> DropFolderFinding:
    return DropFolderFinding(base_name(till), base_name(name), "file_unreadable", {"detail": said_by(error)})


def said_by(error: OSError) -> str:
    """What the system said, without the path."""
    return error.strerror or type(error).__name__


def _is_ignored(name: str) -> bool:
    lowered = name.lower()
    return lowered.startswith((".", "~")) or lowered.endswith(_UNFINISHED) or lowered in _LEFT_BY_BROWSERS


def _kind_of(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "link"
    if stat.S_ISDIR(mode):
        return "folder"
    return "device, pipe or socket"
