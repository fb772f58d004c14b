"""What lies in a folder of rejected files now. Looking changes nothing."""

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from malote.accounts.tills import Till
from malote.quarantine.keeping import Place, place_of
from malote.quarantine.reports import FolderFinding

MARK = ".malote"  # its content tells which store database the folder belongs to

_SHOWN = 255  # characters of a stranger's file name


class Signature(NamedTuple):
    """Changes whenever the file is written to or replaced."""

    size: int
    modified: int  # nanoseconds
    inode: int


class Seen(msgspec.Struct, frozen=True):
    """One XML file, and whether its sidecar lies beside it. ``place`` is None for a name that no quarantine gave."""

    path: Path
    signature: Signature
    place: Place | None
    sidecar: bool


class Contents(msgspec.Struct, frozen=True):
    """A till's folder. ``missing``: there is none. ``orphans``: sidecars without their document."""

    till: Till
    files: list[Seen]
    orphans: list[Path]
    missing: bool = False


def look(root: Path, tills: Collection[Till], max_bytes: int) -> Iterator[Contents | FolderFinding]:
    """Each till's folder, disabled tills' too, and findings of what can't be taken for a document.

    Raises ``OSError`` where ``root`` itself can't be listed.
    """
    by_name = {till.name.lower(): till for till in tills}
    there: set[int] = set()
    for path in sorted(root.iterdir()) if root.is_dir() else []:
        till = by_name.get(path.name.lower())
        if path.name.startswith("."):
            continue
        if path.is_symlink() or not path.is_dir():
            yield FolderFinding("", _shown(path.name), "file_misplaced")
        elif till is None:
            yield FolderFinding(_shown(path.name), f"{_shown(path.name)}/", "till_unknown", {"till": _shown(path.name)})
        else:
            there.add(till.id)
            yield from _look_at(till, path, max_bytes)
    for till in tills:
        if till.id not in there:
            yield Contents(till, [], [], missing=True)


def _look_at(till: Till, folder: Path, max_bytes: int) -> Iterator[Contents | FolderFinding]:
    try:
        with os.scandir(folder) as entries:
            found = {entry.name: entry for entry in entries if not entry.name.startswith((".", "~"))}
    except OSError as error:
        # Nothing can be concluded from what can't be seen.
        facts = {"detail": error.strerror or type(error).__name__}
        yield FolderFinding(till.name, f"{folder.name}/", "file_unreadable", facts)
        return
    sidecars = {name[:-5] for name in found if name.endswith(".json")}
    files: list[Seen] = []
    for name, entry in sorted(found.items()):
        if not name.lower().endswith(".xml"):
            continue
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(status.st_mode):
            yield FolderFinding(till.name, _shown(name), "file_irregular", {"detail": "not a file"})
        elif status.st_size > max_bytes and place_of(name[:-4]) is None:
            facts = {"size": str(status.st_size), "limit": str(max_bytes)}
            yield FolderFinding(till.name, _shown(name), "file_too_large", facts)
        else:
            files.append(_seen(folder / name, status, sidecars))
    stems = {one.path.stem for one in files}
    orphans = [folder / f"{name}.json" for name in sorted(sidecars - stems) if place_of(name) is not None]
    yield Contents(till, files, orphans)


def _seen(path: Path, status: os.stat_result, sidecars: Collection[str]) -> Seen:
    signature = Signature(status.st_size, status.st_mtime_ns, status.st_ino)
    # A name in other capitals than the quarantine's own was given by hand.
    place = place_of(path.stem) if path.suffix == ".xml" else None
    return Seen(path, signature, place, path.stem in sidecars)


def _shown(name: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in name[:_SHOWN])
