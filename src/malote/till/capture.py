"""Captures what the POS writes: waits until a file is quiet, reads it once, and keeps it in the outbox.

The POS's files are never moved, changed or deleted here. Its cost follows what changed: a file that looks as it did
when it was last read is not read again.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from malote.config import TillSettings
from malote.plain import readable
from malote.till import cutover, server_limits, vanished_files
from malote.till.capture_journal import CaptureJournal
from malote.till.cutover import Question, Start
from malote.till.file_summary import describe, is_whole
from malote.till.folder import (
    FileChangedError,
    FileTooLargeError,
    FolderEntry,
    FolderMissingError,
    folder_of,
    read,
)
from malote.till.folder_counts import FolderSight, SeenFolder, counted
from malote.till.outbox import Outbox
from malote.till.outbox_records import CapturedFile, CaptureRefusal, FileMark
from malote.till.storage import OutboxError
from malote.till.trouble_notices import Voice
from malote.till.vanished_files import VanishedFiles

GROUP_FILES = 200
GROUP_BYTES = 8_000_000

# A drive that is gone for a while must not make the agent read all its files again when it is back.
FORGET_SECONDS = 86_400.0


class _Candidate(msgspec.Struct, gc=False):
    """A file not read yet. ``due`` is when it may be, if it still looks the same; by the monotonic clock."""

    mark: FileMark
    due: float
    hurried: bool = False


class Capture:
    """Belongs to the outbox's thread. Its methods raise ``OutboxError`` and change nothing then."""

    def __init__(
        self,
        outbox: Outbox,
        settings: TillSettings,
        voice: Voice,
        *,
        sight: FolderSight | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._outbox = outbox
        self._settings = settings
        self._voice = voice
        self._sight = sight or FolderSight()
        self._missing = VanishedFiles(outbox)
        self._journal = CaptureJournal(outbox)
        self._monotonic = monotonic
        self._now = now
        self.folder = folder_of(settings)
        self._start: Start | None = None
        self._asked: Question | None = None
        self._seen: int | None = None  # files at the last look at the whole folder; None while it can't be looked at
        self._has_kept = False
        self._known = outbox.marks()
        self._candidates: dict[str, _Candidate] = {}
        self._vanished: dict[str, float] = {}  # since when, by the monotonic clock
        self._refused: dict[str, CaptureRefusal] = {}
        self._refused_stored: dict[str, CaptureRefusal] | None = None
        self._hurried = vanished_files.reused(outbox, now()) is not None
        self._largest = server_limits.known(outbox).document_bytes

    @property
    def settled(self) -> bool:
        """Whether all that was found is captured or refused."""
        return all(path in self._refused for path in self._candidates)

    @property
    def works(self) -> bool:
        """Whether anything was kept, or nothing has to be: a file that is too young yet proves no room on a disk."""
        return self._has_kept or self.settled

    @property
    def suspects(self) -> bool:
        """Whether a file may be lost: the next look at the whole folder tells."""
        return self._missing.suspected

    def next_due(self) -> float | None:
        """Seconds until ``capture_due`` has something to do; None when nothing is waiting."""
        soonest = min((candidate.due for candidate in self._candidates.values()), default=None)
        return None if soonest is None else max(0.0, soonest - self._monotonic())

    def reload(self) -> None:
        """Believes the outbox again, after something else changed what it has seen."""
        self._known = self._outbox.marks()

    def rescan(self) -> None:
        """Looks at the whole folder. A folder that is missing is said, and remembered until it is back."""
        self._largest = server_limits.known(self._outbox).document_bytes
        place = str(self.folder.path)
        try:
            counts = self._begin(place)
        except FolderMissingError:
            counts = True  # said below
        if not counts:
            return
        self._scan(place)
        self._store_refusals()

    def _scan(self, place: str) -> None:
        self._refused = {path: refusal for path, refusal in self._refused.items() if path in self._candidates}
        missing = set(self._known) | set(self._candidates)
        there: dict[str, FileMark] = {}
        try:
            for entry in self.folder.scan():
                missing.discard(entry.path)
                self._consider(entry)
                if entry.mark is not None:
                    there[entry.path] = entry.mark
                else:
                    # What lies below a folder that can't be looked into is not gone.
                    missing = {path for path in missing if not path.startswith(entry.path)}
        except FolderMissingError:
            facts = {"folder": readable(place)}
            self._voice.trouble("folder", "folder_missing", **facts)
            self._refused[place] = CaptureRefusal(readable(place), 0, "folder_missing", facts)
            self._seen = None
        else:
            self._voice.over("folder")
            self._seen = len(there)
            self._forget(missing)
        # Shown before anything is written, which a full disk may not allow.
        self._show()
        if self._seen is not None:
            self._missing.judge(there, self._now())

    def _begin(self, place: str) -> bool:
        """Whether it is known from when on files count. While it isn't, nothing is captured. Raises
        ``FolderMissingError``.
        """
        found = cutover.settle(self._outbox, self.folder, self._settings.since, self._largest, self._now(), self._asked)
        self._asked = found if isinstance(found, Question) else None
        if isinstance(found, Question):
            facts = cutover.facts_of(found, self.folder.path)
            self._voice.trouble("start", "start_unsaid", **facts)
            self._refused = {place: CaptureRefusal(readable(place), 0, "start_unsaid", facts)}
            self._sight.saw(SeenFolder(found.files, 0, found.files))
            self._store_refusals()
            return False
        self._voice.over("start")
        if self._start is None or found.since != self._start.since:
            self.reload()  # what didn't count under another answer is looked at again
        self._start = found
        return True

    def look_at(self, paths: Iterable[str]) -> None:
        """Looks at paths that are said to have changed."""
        for path in paths if self._start else ():
            entries = list(self.folder.look(path))
            for entry in entries:
                self._consider(entry)
            if not entries and path not in self._known and path not in self._candidates and self.folder.wants(path):
                self._missing.was_unseen(path, self._now())
        self._show()

    def capture_due(self) -> Iterator[int]:
        """Captures what has been quiet for long enough, oldest first; yields how many are new after every commit.

        Stopping in between leaves the rest for the next call.
        """
        group: list[CapturedFile] = []
        size = 0
        for path in self._due():
            file = self._read(path)
            if file is not None:
                group.append(file)
                size += file.mark.size
            if len(group) == GROUP_FILES or size > GROUP_BYTES:
                yield self._keep(group)
                group, size = [], 0
        if group:
            yield self._keep(group)
        self._show()
        self._store_refusals()

    def _show(self) -> None:
        """Tells how many files are there and not captured yet."""
        if self._seen is None:
            self._sight.saw(None)
            return
        uncaptured = [candidate.mark for candidate in self._candidates.values()]
        self._sight.saw(counted(self._seen, uncaptured))

    def _due(self) -> list[str]:
        now = self._monotonic()
        due = [path for path, candidate in self._candidates.items() if candidate.due <= now]
        return sorted(due, key=lambda path: (self._candidates[path].mark.mtime_ns, path))

    def _consider(self, entry: FolderEntry) -> None:
        if entry.mark is None:
            facts = {"detail": entry.detail}
            self._refused[entry.path] = CaptureRefusal(readable(entry.path), 0, "file_unreadable", facts)
        elif self._known.get(entry.path) != entry.mark:
            candidate = self._candidates.get(entry.path)
            if candidate is None or candidate.mark != entry.mark:
                self._await_quiet(entry.path, entry.mark, hurried=self._hurried and entry.path in self._known)

    def _await_quiet(self, path: str, mark: FileMark, *, hurried: bool = False) -> None:
        """``hurried``: a name that is used twice may be written over at any moment; a whole sale is taken at once."""
        self._refused.pop(path, None)
        quiet = 0.0 if hurried else self._settings.quiet_seconds
        self._candidates[path] = _Candidate(mark, self._monotonic() + quiet, hurried)

    def _read(self, path: str) -> CapturedFile | None:
        """The file, or None when it isn't to be captured now: gone, changed since, or refused."""
        look = next(iter(self.folder.look(path)), None)
        if look is None or look.mark is None:
            self._miss(path)
            return None
        mark = look.mark
        if mark != self._candidates[path].mark:
            self._await_quiet(path, mark)
            return None
        if mark.size > self._largest:
            self._refuse_size(path, mark)
            return None
        try:
            content = read(path, mark, self._largest)
        except (FileChangedError, FileTooLargeError):
            self._await_quiet(path, mark)
            return None
        except FileNotFoundError:
            self._miss(path)
            return None
        except OSError as error:
            self._refuse(path, mark, "file_unreadable", detail=error.strerror or str(error))
            return None
        name, documents = readable(Path(path).name), describe(content)
        if self._candidates[path].hurried and not is_whole(content):
            self._await_quiet(path, mark)
            return None
        return CapturedFile(path, name, mark, hashlib.sha256(content).digest(), content, documents)

    def _keep(self, group: list[CapturedFile]) -> int:
        """How many of the files are new. One that breaks the program is refused, and holds back no other."""
        try:
            return self._kept(group)
        except OutboxError:
            raise
        except Exception as error:  # noqa: BLE001 - found by halves which one it is
            if len(group) > 1:
                half = len(group) // 2
                return self._keep(group[:half]) + self._keep(group[half:])
            self._refuse(group[0].path, group[0].mark, "file_set_aside", incident=type(error).__qualname__)
            return 0

    def _kept(self, group: list[CapturedFile]) -> int:
        counting = [file for file in group if self._counts(file)]
        again = [file for file in counting if file.path in self._known]
        name = vanished_files.note_reused(self._outbox, again, self._now()) if again else None
        if name is not None and not self._hurried:
            self._hurried = True
            self._voice.happened("name_reused", name=name)
        if counting:
            self._journal.add(counting, self._now())
        new = self._outbox.capture(counting, self._now()) if counting else 0
        self._has_kept = self._has_kept or bool(counting)
        if len(counting) < len(group):
            self._outbox.pass_over([file for file in group if not self._counts(file)])
        for file in group:
            self._known[file.path] = file.mark
            self._drop(file.path)
        return new

    def _counts(self, file: CapturedFile) -> bool:
        return self._start is None or self._start.counts(file.documents, file.mark.mtime_ns / 1e9)

    def _drop(self, path: str) -> None:
        self._candidates.pop(path, None)
        self._refused.pop(path, None)

    def _miss(self, path: str) -> None:
        """It was seen, and is gone before it could be captured."""
        self._missing.is_gone(path, self._candidates[path].mark)
        self._drop(path)

    def _refuse_size(self, path: str, mark: FileMark) -> None:
        limit = self._largest
        self._refuse(path, mark, "file_too_large", size=str(mark.size), limit=str(limit))

    def _refuse(self, path: str, mark: FileMark, code: str, **facts: str) -> None:
        if path not in self._refused:
            self._voice.happened(code, name=readable(path), **facts)
        self._refused[path] = CaptureRefusal(readable(Path(path).name), mark.size, code, facts)
        self._candidates[path].due = self._monotonic() + self._settings.rescan_seconds

    def _store_refusals(self) -> None:
        if self._refused != self._refused_stored:
            self._outbox.refuse(self._refused, self._now())
            self._refused_stored = dict(self._refused)

    def _forget(self, missing: set[str]) -> None:
        """Keeps memory and outbox from growing with files that the POS took away."""
        for path in missing & self._candidates.keys():
            self._miss(path)
        now = self._monotonic()
        self._vanished = {path: self._vanished.get(path, now) for path in missing & self._known.keys()}
        long_gone = [path for path, since in self._vanished.items() if since <= now - FORGET_SECONDS]
        if long_gone:
            self._outbox.forget(long_gone)
            for path in long_gone:
                del self._known[path], self._vanished[path]
