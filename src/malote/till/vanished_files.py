"""Files of the POS's that were seen and never captured, and names that it gives to more than one sale.

Kept in the outbox, so that a restart doesn't forget them: each ends when its file is captured after all, or a person
says that it was no sale.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from malote.plain import readable
from malote.till.folder_counts import put_at
from malote.till.outbox import Outbox
from malote.till.outbox_records import CapturedFile, FileMark

MOST_KEPT = 1000
_RENAMED_SECONDS = 2.0  # that a file may lie there before the system's word of its first name is read
REUSED_SECONDS = 86_400.0  # that a name used twice is told, after it happened last

_VANISHED = "vanished"
_REUSED = "name_reused"


class Vanished(msgspec.Struct, frozen=True):
    """``at``: when it was missed, seconds since the epoch. ``size`` is 0 where it was gone before it was looked at."""

    path: str
    size: int
    at: float

    @property
    def name(self) -> str:
        return Path(self.path).name


class Reused(msgspec.Struct, frozen=True):
    """How often a name was found with another sale under it: the last, and since when."""

    name: str
    count: int
    since: float
    at: float


class VanishedFiles:
    """What was to be captured and is gone; belongs to the outbox's thread."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._gone: dict[str, FileMark] = {}  # to be looked for under another name at the next look at the whole folder
        self._unseen: dict[str, float] = {}  # told of by the system and gone before the first look; when

    @property
    def suspected(self) -> bool:
        """Whether the next look at the whole folder has to judge anything."""
        return bool(self._gone or self._unseen)

    def is_gone(self, path: str, mark: FileMark) -> None:
        """A file that wasn't captured is not there any more. An empty one said nothing."""
        if mark.size:
            self._gone[path] = mark

    def was_unseen(self, path: str, now: float) -> None:
        """The system told of a file that nobody knew, and that is not there any more."""
        self._unseen.setdefault(path, now)

    def judge(self, there: Mapping[str, FileMark], now: float) -> None:
        """After a look at the whole folder: what went for good, and what is back, is written down.

        A file that the POS renamed looks the same under its new name.
        """
        looks = {(mark.size, mark.mtime_ns) for mark in there.values()} if self._gone else set()
        lost = [
            Vanished(readable(path), mark.size, now)
            for path, mark in self._gone.items()
            if path not in there and (mark.size, mark.mtime_ns) not in looks
        ]
        lost += [Vanished(readable(path), 0, now) for path in self._never_back(there)]
        before = vanished(self._outbox)
        kept = [one for one in before if one.path not in there] if before else []
        if lost or len(kept) < len(before):
            _note(self._outbox, [*kept, *lost])
        self._gone.clear()
        self._unseen.clear()

    def _never_back(self, there: Mapping[str, FileMark]) -> list[str]:
        """Of those that nobody saw. As many as were put there at that time may be they: POSs write under a name of the
        moment first."""
        gone = [path for path in self._unseen if path not in there]
        since = min(self._unseen.values(), default=0.0) - _RENAMED_SECONDS
        return gone[sum(put_at(mark) >= since for mark in there.values()) if gone else 0 :]


def vanished(outbox: Outbox) -> list[Vanished]:
    """The oldest first. Raises ``OutboxError``."""
    noted = outbox.noted(_VANISHED)
    return msgspec.json.decode(noted, type=list[Vanished]) if noted else []


def forget(outbox: Outbox) -> int:
    """A person says that what vanished was no sale; how many there were. Raises ``OutboxError``."""
    before = len(vanished(outbox))
    if before:
        _note(outbox, [])
    return before


def note_reused(outbox: Outbox, files: Iterable[CapturedFile], now: float) -> str | None:
    """Before ``files`` are captured: which of them has a name under which another sale was captured; None of none.

    A newer version of the same sale, under the same key, is what POSs do. Raises ``OutboxError``.
    """
    names = [file.name for file in files if _is_another_sale(outbox, file)]
    if not names:
        return None
    before = reused(outbox, now)
    count, since = (before.count, before.since) if before else (0, now)
    outbox.note(_REUSED, Reused(names[-1], count + len(names), since, now))
    return names[-1]


def reused(outbox: Outbox, now: float) -> Reused | None:
    """Raises ``OutboxError``."""
    noted = outbox.noted(_REUSED)
    found = msgspec.json.decode(noted, type=Reused) if noted else None
    return found if found is not None and abs(now - found.at) < REUSED_SECONDS else None


def _is_another_sale(outbox: Outbox, file: CapturedFile) -> bool:
    keys = {line.access_key for line in file.documents if line.kind == "sale" and line.access_key}
    before = outbox.sales_at(file.path) if keys else set()
    return bool(before) and not keys & before


def _note(outbox: Outbox, found: list[Vanished]) -> None:
    outbox.note(_VANISHED, found[-MOST_KEPT:])
