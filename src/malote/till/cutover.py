"""From when on a till's files count: asked once, before an agent that meets years of old files books them.

The answer stands in a file of its own beside the outbox, so that it outlives a damaged outbox. It belongs to the POS's
folder: another folder is another first start.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from malote import durable
from malote.fiscal import typed_input
from malote.plain import readable
from malote.till import issue_times
from malote.till.folder import Folder
from malote.till.outbox import Outbox
from malote.till.outbox_records import DocumentLine
from malote.till.storage import OutboxError, failed

# A first start takes this many files, of no more than one day, without a question.
MOST_FILES = 500
ONE_DAY = timedelta(days=1)

_FILE = "start.json"


class Start(msgspec.Struct, frozen=True):
    """What was answered. ``since``: ISO 8601 with zone; "" when every file counts. ``at``: seconds since the epoch."""

    folder: str
    since: str
    by: Literal["setting", "person", "itself"]
    at: float

    def counts(self, documents: Iterable[DocumentLine], written_at: float) -> bool:
        """Whether a file is of the time that counts: by its documents' own times, else by when it was written."""
        if not self.since:
            return True
        since = datetime.fromisoformat(self.since)
        issued = [time for document in documents if (time := issue_times.moment(document.issued_at)) is not None]
        return max(issued) >= since if issued else written_at >= since.timestamp()


class Question(msgspec.Struct, frozen=True):
    """What is there, unsaid whether it counts. Times as the documents write them; "" where none can be read."""

    files: int
    oldest: str = ""
    newest: str = ""


def facts_of(question: Question, folder: Path) -> dict[str, str]:
    """What the reason ``start_unsaid`` tells."""
    ends = {"oldest": question.oldest[:10] or "?", "newest": question.newest[:10] or "?"}
    return {"folder": readable(str(folder)), "files": str(question.files), **ends}


def path_of(outbox: Path) -> Path:
    return outbox.with_name(_FILE)


def answered(outbox: Path, folder: str) -> Start | None:
    """What was answered for this folder. Raises ``OutboxError`` when the file can't be read."""
    path = path_of(outbox)
    try:
        start = msgspec.json.decode(path.read_bytes(), type=Start)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise OutboxError("outbox_away", path=str(path), detail=str(error)) from error
    return start if start.folder == folder else None


def begin(outbox: Outbox, start: Start) -> Start:
    """Keeps the answer, on disk when it returns. Raises ``OutboxError``."""
    # Files passed over under another answer are looked at again; those first, so that a crash only looks once more.
    outbox.forget_passed_over()
    try:
        durable.write(path_of(outbox.path), msgspec.json.encode(start), disk=outbox.disk)
    except OSError as error:
        raise failed(path_of(outbox.path), error, outbox.disk) from error
    return start


def settle(
    outbox: Outbox, folder: Folder, setting: str, largest: int, now: float, asked: Question | None = None
) -> Start | Question:
    """The answer, from the setting, from before, or by itself where there is little to lose; else the question.

    ``asked`` is what was asked the last time. Raises ``OutboxError``, and ``FolderMissingError``: a folder that isn't
    there says nothing about how old it is.
    """
    place = str(folder.path)
    before = answered(outbox.path, place)
    if setting:
        if before is not None and before.by == "setting" and _says(setting, before.since):
            return before
        since = typed_input.since(setting, issue_times.store_clock(outbox, folder, largest))
        start = Start(place, since, "setting", now)
        if before is None or before.since != start.since:
            return begin(outbox, start)
        return before
    if before is not None:
        return before
    question = None if _begun_before(outbox) else ask(folder, largest, asked)
    return question or begin(outbox, Start(place, "", "itself", now))


def _says(setting: str, since: str) -> bool:
    """Whether the setting still says this, by the clock by which it was understood."""
    return typed_input.since(setting, datetime.fromisoformat(since).tzinfo if since else None) == since


def open_question(path: Path, folder: Folder, setting: str, largest: int) -> Question | None:
    """What would be asked if the agent of the outbox at ``path`` started now; changes nothing. Raises as ``settle``."""
    if setting or answered(path, str(folder.path)) is not None:
        return None
    if path.exists():
        with Outbox(path, look_only=True) as outbox:
            if _begun_before(outbox):
                return None
    return ask(folder, largest)


def ask(folder: Folder, largest: int, asked: Question | None = None) -> Question | None:
    """The question, where what is there is more than a day's or very many; as ``asked`` before, where nothing came to
    it. Raises ``FolderMissingError``.
    """
    found = [entry for entry in folder.scan() if entry.mark is not None]
    if asked is not None and asked.files == len(found):
        return asked
    if len(found) > MOST_FILES:
        return Question(len(found), *_ends(issue_times.glimpsed(found, largest)))
    times = issue_times.parsed(found, largest)
    return Question(len(found), *_ends(times)) if times and max(times) - min(times) > ONE_DAY else None


def _begun_before(outbox: Outbox) -> bool:
    """Whether this outbox has worked already, or stands in for a damaged one that had."""
    if any(outbox.path.parent.glob(f"{outbox.path.name}.damaged-*")):
        return not path_of(outbox.path).exists()
    return outbox.has_seen_anything() and not path_of(outbox.path).exists()


def _ends(times: list[datetime]) -> tuple[str, str]:
    return (min(times).isoformat(), max(times).isoformat()) if times else ("", "")
