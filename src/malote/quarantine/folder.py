"""What lies in a folder of rejected files now. Looking changes nothing."""

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from malote import aside
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
    incident: str | None = None  # it broke this version of the program before


class Contents(msgspec.Struct, frozen=True):
    """A till's folder. ``orphans``: sidecars without their document."""

    till: Till
    files: list[Seen]
    orphans: list[Path]


def places(root: Path, tills: Collection[Till]) -> tuple[dict[str, tuple[Till, Path]], list[FolderFinding]]:
    """The tills' folders by their names, disabled tills' too, and what lies beside them. Raises ``OSError``."""
    by_name = {till.name.lower(): till for till in tills}
    found: dict[str, tuple[Till, Path]] = {}
    beside: list[FolderFinding] = []
    if not root.is_dir():
        return found, beside
    with os.scandir(root) as entries:
        seen = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries if not entry.name.startswith(".")}
    for name, is_folder in sorted(seen.items()):
        till = by_name.get(name.lower())
        if not is_folder:
            beside.append(FolderFinding("", shown(name), "file_misplaced"))
        elif till is None:
            beside.append(FolderFinding(shown(name), f"{shown(name)}/", "till_unknown", {"till": shown(name)}))
        else:
            found[name] = till, root / name
    return found, beside


def look_at(till: Till, folder: Path, max_bytes: int) -> Iterator[Contents | FolderFinding]:
    """A till's folder, and findings of what can't be taken for a document in it."""
    try:
        with os.scandir(folder) as entries:
            everything = {entry.name: entry for entry in entries}
    except FileNotFoundError:
        return
    except OSError as error:
        # Nothing can be concluded from what can't be seen.
        facts = {"detail": error.strerror or type(error).__name__}
        yield FolderFinding(till.name, f"{folder.name}/", "file_unreadable", facts)
        return
    found = {name: entry for name, entry in everything.items() if not name.startswith((".", "~"))}
    notes = {name for name in everything if aside.is_note(name)}
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
            yield FolderFinding(till.name, shown(name), "file_irregular", {"detail": "not a file"})
        elif status.st_size > max_bytes and place_of(name[:-4]) is None:
            facts = {"size": str(status.st_size), "limit": str(max_bytes)}
            yield FolderFinding(till.name, shown(name), "file_too_large", facts)
        else:
            seen = _seen(folder / name, status, sidecars, noted=aside.noted(notes, name))
            files.append(seen)
            if seen.incident is not None:
                yield set_aside(till, seen, seen.incident)
    stems = {one.path.stem for one in files}
    orphans = [folder / f"{name}.json" for name in sorted(sidecars - stems) if place_of(name) is not None]
    yield Contents(till, files, orphans)


def set_aside(till: Till, seen: Seen, incident: str) -> FolderFinding:
    return FolderFinding(till.name, shown(seen.path.name), "file_set_aside", {"incident": incident})


def _seen(path: Path, status: os.stat_result, sidecars: Collection[str], *, noted: bool) -> Seen:
    signature = Signature(status.st_size, status.st_mtime_ns, status.st_ino)
    # A name in other capitals than the quarantine's own was given by hand.
    place = place_of(path.stem) if path.suffix == ".xml" else None
    incident = aside.incident_of(path, signature.size, signature.modified) if noted else None
    return Seen(path, signature, place, path.stem in sidecars, incident)


def shown(name: str) -> str:
    """A stranger's name of a file, fit for people."""
    return "".join(character if character.isprintable() else "?" for character in name[:_SHOWN])
