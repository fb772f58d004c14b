"""What lies in a folder of rejected files now. Looking changes nothing."""

import os
import stat
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from malote import aside
from malote.quarantine.quarantine_reports import FolderFinding
from malote.quarantine.rejected_files import DocumentPlace, is_stem, place_of
from malote.stand_still import FileSignature, signature_of
from malote.tills.till import Till

MARK = ".malote"  # its content tells which store database the folder belongs to

_PARTS = 64
_SHOWN = 255  # characters of a stranger's file name


class SeenFile(msgspec.Struct, frozen=True):
    """One XML file, and whether its sidecar lies beside it. ``place`` is None for a name that no quarantine gave."""

    path: Path
    signature: FileSignature
    place: DocumentPlace | None
    sidecar: bool
    incident: str | None = None  # it broke this version of the program before


class Names:
    """The names in a folder, 9 bytes each, so that a folder of 100,000 files is compared in a few megabytes.

    A name is known by Python's own hash of it: 64 bits with a seed of the process. Raises ``OSError``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._within = str(folder)
        parts = [array("q") for _ in range(_PARTS)]
        with os.scandir(folder) as entries:
            for entry in entries:
                number = hash(entry.name)
                parts[number % _PARTS].append(number)
        # Each by itself: sorting makes objects of the numbers, of one part at a time.
        self._parts = [array("q", sorted(part)) for part in parts]
        self._taken = [bytearray(len(part)) for part in parts]
        self._left = sum(map(len, parts))

    def take(self, name: str) -> bool:
        """Whether the name is there, and nobody took it before: it is expected."""
        part, place = self._place(hash(name))
        if place < 0 or self._taken[part][place]:
            return False
        self._taken[part][place] = 1
        self._left -= 1
        return True

    def has_note(self, name: str) -> bool:
        """Whether there is a note about a file that broke the program."""
        return self._place(hash(aside.note_of(name)))[1] >= 0

    def _place(self, number: int) -> tuple[int, int]:
        """Its part and the place in it; the place is -1 where it isn't there."""
        part = number % _PARTS
        numbers = self._parts[part]
        place = bisect_left(numbers, number)
        return part, place if place < len(numbers) and numbers[place] == number else -1

    def signature(self, name: str) -> FileSignature | None:
        """How an ordinary file looks now; None where it is gone, or something else."""
        try:
            status = os.lstat(os.path.join(self._within, name))  # noqa: PTH118 - a Path for each costs twice the rest
        except FileNotFoundError:
            return None
        return signature_of(status) if stat.S_ISREG(status.st_mode) else None

    def strangers(self) -> Iterator[os.DirEntry[str]]:
        """What nobody took, hidden files left out."""
        if not self._left:
            return
        with os.scandir(self.folder) as entries:
            for entry in entries:
                part, place = self._place(hash(entry.name))
                if place >= 0 and not self._taken[part][place] and not entry.name.startswith((".", "~")):
                    yield entry


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


def names_in(till: Till, folder: Path) -> Names | FolderFinding | None:
    """What lies there; None where the folder is gone, a finding where it can't be looked into."""
    try:
        return Names(folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        return _unreadable(till, folder, error)


def look_at(till: Till, folder: Path, max_bytes: int) -> Iterator[FolderFinding]:
    """What can't be taken for a document in a till's folder. Files with a document's name aren't looked at closely."""
    try:
        with os.scandir(folder) as entries:
            odd = [name for entry in entries if (name := _odd(entry))]
    except FileNotFoundError:
        return
    except OSError as error:
        yield _unreadable(till, folder, error)
        return
    for name in sorted(set(odd)):
        found = seen(till, folder, name, max_bytes, noted=True)
        if isinstance(found, FolderFinding):
            yield found
        elif found is not None and found.incident is not None:
            yield set_aside(till, found, found.incident)


def _odd(entry: os.DirEntry[str]) -> str | None:
    """The name of a file that something may have to be told of: it is no document's own, or there is a note of it."""
    name = entry.name
    if name.startswith((".", "~")):
        return aside.file_of(name)
    if not name.lower().endswith(".xml") or (is_stem(name[:-4]) and entry.is_file(follow_symlinks=False)):
        return None
    return name


def _unreadable(till: Till, folder: Path, error: OSError) -> FolderFinding:
    """Nothing can be concluded from what can't be seen."""
    facts = {"detail": error.strerror or type(error).__name__}
    return FolderFinding(till.name, f"{folder.name}/", "file_unreadable", facts)


def seen(
    till: Till, folder: Path, name: str, max_bytes: int, *, noted: bool, sidecar: bool = False
) -> SeenFile | FolderFinding | None:
    """One XML file as it is now, or why it can't be taken for a document; None where it is gone, or no XML at all.

    ``noted``: there may be a note that it broke the program.
    """
    if not name.lower().endswith(".xml"):
        return None
    path = folder / name
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    place = place_of(name[:-4])
    if not stat.S_ISREG(status.st_mode):
        return FolderFinding(till.name, shown(name), "file_irregular", {"detail": "not a file"})
    if status.st_size > max_bytes and place is None:
        facts = {"size": str(status.st_size), "limit": str(max_bytes)}
        return FolderFinding(till.name, shown(name), "file_too_large", facts)
    signature = signature_of(status)
    incident = aside.incident_of(path, signature.size, signature.modified) if noted else None
    # A name in other capitals than the quarantine's own was given by hand.
    return SeenFile(path, signature, place if name.endswith(".xml") else None, sidecar, incident)


def set_aside(till: Till, seen: SeenFile, incident: str) -> FolderFinding:
    return FolderFinding(till.name, shown(seen.path.name), "file_set_aside", {"incident": incident})


def shown(name: str) -> str:
    """A stranger's name of a file, fit for people."""
    return "".join(character if character.isprintable() else "?" for character in name[:_SHOWN])
