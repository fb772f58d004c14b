"""One till's folder of rejected files compared with the rows, in little memory however much lies in it.

The rows are read a page at a time, each looking for its own file; what no row expects is looked at afterwards. Of files
that are as they should be, 16 bytes each are remembered, so that they aren't read again.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable
from functools import partial
from pathlib import Path

import msgspec

from malote import aside
from malote import log as logs
from malote.quarantine import folder, folder_differences, index, rejected_files
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.folder import Names, SeenFile
from malote.quarantine.index import IndexRow
from malote.quarantine.quarantine_reports import FolderFinding
from malote.quarantine.rejected_files import DocumentPlace, place_of
from malote.quarantine.step_failures import Failing
from malote.stand_still import FileSignature, StandStill
from malote.tills.till import Till

log = logs.get_logger("malote.quarantine")

_TOGETHER = 200  # deletions by hand in one transaction


class Right:
    """Which rows had the right file, and how it looked. Rows are added in the order of their ids."""

    def __init__(self) -> None:
        self._ids = array("q")
        self._looks = array("q")

    def add(self, row: IndexRow, signature: FileSignature) -> None:
        self._ids.append(row.id)
        self._looks.append(hash((signature, row.sha256)))

    def has(self, row: IndexRow, signature: FileSignature) -> bool:
        place = bisect_left(self._ids, row.id)
        if place == len(self._ids) or self._ids[place] != row.id:
            return False
        return self._looks[place] == hash((signature, row.sha256))


class FolderMemory:
    """What one look into a folder leaves for the next one."""

    def __init__(self) -> None:
        self.right = Right()
        self.hashes: dict[Path, tuple[FileSignature, bytes]] = {}  # of what isn't right
        self.still: StandStill | None = None  # differences that last, unchanged


class ComparingParts(msgspec.Struct, frozen=True):
    """What every look needs."""

    parts: QuarantineParts
    failing: Failing
    monotonic: Callable[[], float]


class Comparison:
    """One look. ``waiting``: differences that don't stand still yet; ``now``: what it leaves for the next."""

    def __init__(self, around: ComparingParts, till: Till, before: FolderMemory) -> None:
        self._parts, self._failing, self._monotonic = around.parts, around.failing, around.monotonic
        self._till = till
        self._before, self.now = before, FolderMemory()
        self._still = before.still or StandStill(self._parts.settings.quiet_seconds, self._monotonic)
        self._still.begin()
        self.now.still = self._still
        self.waiting = 0
        self._bare: list[int] = []  # documents whose file has no sidecar any more

    def run(self, path: Path) -> None:
        """Raises ``StoreError``, ``OSError``."""
        names = folder.names_in(self._till, path)
        if isinstance(names, FolderFinding):
            self._failing.told.append(names)
        elif names is not None:
            rows = index.rejected(self._parts.engine, self._till.id)
            missing = [row for row in rows if not self._find(names, row) and row.kept]
            index.write_again(self._parts.engine, self._bare)
            places, orphans = self._strangers(names)
            self._missing(row for row in missing if DocumentPlace(row.sha256[:16], row.position) not in places)
            self._orphaned(orphan for orphan in orphans if not orphan.with_suffix(".xml").exists())

    def _find(self, names: Names, row: IndexRow) -> bool:
        """Whether the row's file lies where it should, whatever is in it, and though it can't be read now."""
        stem = row.stem
        name = f"{stem}.xml"
        if not names.take(name):
            return False
        sidecar = names.take(f"{stem}.json")
        noted, signature = names.has_note(name), names.signature(name)
        if signature is not None and not noted and self._before.right.has(row, signature):
            self._right(row, signature, sidecar=sidecar)
            return True
        limit = self._parts.max_file_bytes
        found = folder.seen(self._till, names.folder, name, limit, noted=noted, sidecar=sidecar)
        if isinstance(found, FolderFinding):
            self._failing.told.append(found)
        elif found is not None:
            self._expected(found, row)
        return isinstance(found, SeenFile)

    def _expected(self, seen: SeenFile, row: IndexRow) -> None:
        if seen.incident is not None:
            self._failing.told.append(folder.set_aside(self._till, seen, seen.incident))
            return
        sha256 = self._hash(seen)
        if sha256 == row.sha256:
            self.now.hashes.pop(seen.path, None)
            self._right(row, seen.signature, sidecar=seen.sidecar)
        elif sha256 is not None:
            self._differs(seen, sha256)

    def _right(self, row: IndexRow, signature: FileSignature, *, sidecar: bool) -> None:
        self.now.right.add(row, signature)
        if row.kept and not sidecar:
            self._bare.append(row.id)

    def _strangers(self, names: Names) -> tuple[set[DocumentPlace], list[Path]]:
        """Files that no row expects: the places of those that are named like a document, and the sidecars."""
        places: set[DocumentPlace] = set()
        orphans: list[Path] = []
        for name in sorted(entry.name for entry in names.strangers()):
            if name.endswith(".json") and place_of(name[:-5]) is not None:
                orphans.append(names.folder / name)
            limit, noted = self._parts.max_file_bytes, names.has_note(name)
            found = folder.seen(self._till, names.folder, name, limit, noted=noted)
            if isinstance(found, FolderFinding):
                self._failing.told.append(found)
            elif found is not None:
                places |= {found.place} if found.place is not None else set()
                self._stranger(found)
        return places, orphans

    def _stranger(self, seen: SeenFile) -> None:
        if seen.incident is not None:
            self._failing.told.append(folder.set_aside(self._till, seen, seen.incident))
        elif (sha256 := self._hash(seen)) is not None:
            self._differs(seen, sha256)

    def _differs(self, seen: SeenFile, sha256: bytes) -> None:
        if not self._stands_still(seen.path, seen.signature):
            return
        act = partial(folder_differences.found, self._parts, self._till, seen, sha256)
        name = folder.shown(seen.path.name)
        incident = self._failing.attempt((seen.path, seen.signature), self._till.name, name, act)
        if incident is not None:
            _leave_alone(seen, incident)

    def _missing(self, rows: Iterable[IndexRow]) -> None:
        gone = [row for row in rows if self._stands_still(("missing", row.id), None)]
        for start in range(0, len(gone), _TOGETHER):
            names = {row.id: f"{row.stem}.xml" for row in gone[start : start + _TOGETHER]}
            self._failing.attempt_together(self._till.name, names, partial(folder_differences.removed, self._parts))

    def _orphaned(self, sidecars: Iterable[Path]) -> None:
        for sidecar in sidecars:
            if self._stands_still(("orphan", sidecar), None):
                act = partial(folder_differences.orphaned, self._parts, self._till, sidecar)
                self._failing.attempt(("orphan", sidecar), self._till.name, folder.shown(sidecar.name), act)

    def _hash(self, seen: SeenFile) -> bytes | None:
        """Of the file's content; None where it can't be read, or is gone. Read only if it looks other than before."""
        before = self._before.hashes.get(seen.path)
        if before is not None and before[0] == seen.signature:
            self.now.hashes[seen.path] = before
            return before[1]
        try:
            sha256 = rejected_files.hash_of(seen.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            facts = {"detail": error.strerror or type(error).__name__}
            self._failing.told.append(FolderFinding(self._till.name, seen.path.name, "file_unreadable", facts))
            return None
        if sha256 is not None:
            self.now.hashes[seen.path] = (seen.signature, sha256)
        return sha256

    def _stands_still(self, what: Hashable, signature: FileSignature | None) -> bool:
        """Whether a difference has lasted long enough, unchanged, to be acted on."""
        stands = self._still.stands((what, signature))
        self.waiting += not stands
        return stands


def _leave_alone(seen: SeenFile, incident: str) -> None:
    try:
        aside.put(seen.path, seen.signature.size, seen.signature.modified, incident)
    except OSError as error:
        log.warning("note_not_written", reason=error.strerror or type(error).__name__)
