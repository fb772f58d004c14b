"""Folder and tab never disagree (DESIGN rule 7): ``rejeitados/`` is the truth, the rows are its index.

Each scan compares the two and acts on every difference, each in a transaction that looks at the row once more under its
lock. It remembers nothing that a restart would lose, but since when a difference has lasted: what is being copied or
saved at this moment is left until it stands still.

Whatever is done in the folder by hand, no bytes are lost: the pouch in the spool has what was there before, and what is
new is taken in, durably, before its file is touched.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import structlog
from watchfiles import watch

from malote import durable
from malote.accounts import tills
from malote.accounts.tills import Till, TillError
from malote.database.errors import StoreError
from malote.quarantine import by_hand, files, index, keeping
from malote.quarantine.folder import MARK, Contents, Seen, Signature, look
from malote.quarantine.keeping import Place
from malote.quarantine.parts import Parts
from malote.quarantine.reports import FolderFinding

LONGEST_NAP_SECONDS = 60.0  # between tries while the store or the disk can't be used

_Since = dict[object, float]  # when each difference was seen first
_Hashes = dict[Path, tuple[Signature, bytes]]

_OF_ANOTHER = FolderFinding("", MARK, "folder_of_another")

log = structlog.get_logger("malote.quarantine")


class Reconciler:
    """One thread runs it; ``look`` may be called by any."""

    def __init__(self, parts: Parts, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._parts = parts
        self._monotonic = monotonic
        self._since: _Since = {}
        self._hashes: _Hashes = {}
        self._findings: list[FolderFinding] = []  # of the scan under way
        self._told: set[tuple[str, str, str]] = set()

    def run(self, stop: threading.Event) -> None:
        """Scans until ``stop`` is set: when something changes, and every so often, since watchers miss files."""
        failures = 0
        for _ in _wakes(self._parts.folder, stop, self._parts.settings.rescan_seconds):
            try:
                while self.scan() and not stop.wait(self._parts.settings.quiet_seconds):
                    pass
                failures = 0
            except (StoreError, TillError, OSError) as error:
                failures += 1
                log.warning("reconciling_waits", reason=type(error).__name__)
                stop.wait(min(2.0**failures, LONGEST_NAP_SECONDS))

    def scan(self) -> int:
        """One look at everything. Returns how many differences do not stand still yet.

        Raises ``StoreError``, ``OSError``; what was not done is done by the next one.
        """
        parts = self._parts
        if not self._is_ours():
            return 0
        files.settle(parts)
        before, self._since = self._since, {}
        known, self._hashes = self._hashes, {}
        self._findings = []
        for found in self._looked():
            if isinstance(found, FolderFinding):
                self._findings.append(found)
            else:
                self._reconcile(found, before, known)
        by_hand.tidy_trash(parts, tills.list_tills(parts.engine))
        files.settle(parts)
        self._tell(self._findings)
        return len(self._since)

    def look(self) -> list[FolderFinding]:
        """What lies in the folder and can't be taken for a document. Raises ``StoreError``, ``OSError``."""
        mark = self._parts.folder / MARK
        if mark.exists() and not index.is_of(self._parts.engine, mark):
            return [_OF_ANOTHER]
        return [one for one in self._looked() if isinstance(one, FolderFinding)]

    def _looked(self) -> Iterator[Contents | FolderFinding]:
        return look(self._parts.folder, tills.list_tills(self._parts.engine), self._parts.max_file_bytes)

    def _is_ours(self) -> bool:
        """Whether the folder is the one that this database is the index of.

        A new folder, in place of a lost one, gets a mark of its own, and everything rejected is written into it.
        """
        folder = durable.make_folder(self._parts.folder)
        mark = folder / MARK
        if not mark.exists():
            index.adopt(self._parts.engine, mark)
            return True
        if index.is_of(self._parts.engine, mark):
            return True
        self._tell([_OF_ANOTHER])
        return False

    def _reconcile(self, contents: Contents, before: _Since, known: _Hashes) -> None:
        rows = index.rejected(self._parts.engine, contents.till.id)
        if contents.missing:
            # A folder that is gone as a whole was lost, and not looked through.
            index.write_again(self._parts.engine, [row.id for row in rows.values() if row.kept])
            return
        present: set[Place] = set()
        for seen in contents.files:
            sha256 = self._hash(contents.till, seen, known)
            row = rows.get(seen.place) if seen.place is not None else None
            if row is not None and seen.place is not None:
                # Whatever is in it, and though it can't be read now: the document's file isn't missing.
                present.add(seen.place)
            if sha256 is None:
                continue
            if row is None or sha256 != row.sha256 or seen.path.stem != row.stem:
                if self._stands_still(seen.path, seen.signature, before):
                    by_hand.found(self._parts, contents.till, seen, sha256)
            elif row.kept and not seen.sidecar:
                index.write_again(self._parts.engine, [row.id])
        for place, row in rows.items():
            if row.kept and place not in present and self._stands_still(("missing", row.id), None, before):
                by_hand.removed(self._parts, row.id)
        for orphan in contents.orphans:
            if self._stands_still(("orphan", orphan), None, before):
                by_hand.orphaned(self._parts, contents.till, orphan)

    def _hash(self, till: Till, seen: Seen, known: _Hashes) -> bytes | None:
        """Of the file's content; None where it can't be read, or is gone. Read only if it looks other than before."""
        before = known.get(seen.path)
        if before is not None and before[0] == seen.signature:
            self._hashes[seen.path] = before
            return before[1]
        try:
            sha256 = keeping.hash_of(seen.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            facts = {"detail": error.strerror or type(error).__name__}
            self._findings.append(FolderFinding(till.name, seen.path.name, "file_unreadable", facts))
            return None
        if sha256 is not None:
            self._hashes[seen.path] = (seen.signature, sha256)
        return sha256

    def _stands_still(self, what: object, signature: Signature | None, before: _Since) -> bool:
        """Whether a difference has lasted long enough, unchanged, to be acted on."""
        now = self._monotonic()
        since = before.get((what, signature), now)
        if now - since >= self._parts.settings.quiet_seconds:
            return True
        self._since[what, signature] = since
        return False

    def _tell(self, findings: Sequence[FolderFinding]) -> None:
        """Each finding is logged once, for as long as it lasts."""
        for finding in findings:
            if _identity(finding) not in self._told:
                log.warning("folder_finding", till=finding.till, name=finding.name, code=finding.code)
        self._told = set(map(_identity, findings))


def _identity(finding: FolderFinding) -> tuple[str, str, str]:
    return finding.till, finding.name, finding.code


def _wakes(root: Path, stop: threading.Event, rescan_seconds: float) -> Iterator[None]:
    """Yields at once, and then whenever something happens in ``root`` or ``rescan_seconds`` went by."""
    yield None
    try:
        durable.make_folder(root)
        pause = max(1, round(rescan_seconds * 1000))
        for _ in watch(root, stop_event=stop, rust_timeout=pause, yield_on_timeout=True, raise_interrupt=False):
            if stop.is_set():
                return
            yield None
    except (OSError, RuntimeError) as error:
        # No watching here (a network drive, too many watches): looking regularly is enough.
        log.warning("folder_not_watched", reason=type(error).__name__)
    while not stop.wait(rescan_seconds):
        yield None
