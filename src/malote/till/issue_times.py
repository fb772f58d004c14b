"""When the documents of a folder were issued, without parsing them all; and by whose clock.

A folder of years is glimpsed at: its files' own times say nothing, since copying them makes them all of today.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from malote.till import books
from malote.till.folder import FileChangedError, FileTooLargeError, Folder, FolderEntry, FolderMissingError, read
from malote.till.outbox import Outbox

_MOST_GLIMPSED = 20_000  # files, evenly spread; some seconds on a till's disk
_MOST_PARSED = 100  # of those in which a glimpse finds nothing
_NEWEST = 10
_ISSUED = re.compile(rb"<(?:\w+:)?(?:dhEmi|dhEvento|dhRecbto)>\s*([0-9T:.+-]{19,35}|[0-9T:.-]{19,30}Z)\s*<")


def glimpsed(found: list[FolderEntry], largest: int) -> list[datetime]:
    """The times that the files' documents name, of a selection where there are very many."""
    chosen = found[:: -(-len(found) // _MOST_GLIMPSED) or 1]
    times: list[datetime] = []
    parsed = 0
    for content in _contents(chosen, largest):
        # Between the letters of UTF-16 stand zeros.
        issued = _ISSUED.search(content.replace(b"\0", b""))
        if issued:
            times += _moments([issued[1].decode("ascii")])
        elif parsed < _MOST_PARSED:
            parsed += 1
            times += _described(content)
    return times


def parsed(found: Iterable[FolderEntry], largest: int) -> list[datetime]:
    """The times that the files' documents name, each file parsed."""
    return [time for content in _contents(found, largest) for time in _described(content)]


def moment(text: str | None) -> datetime | None:
    """A document's time; Brasília's where it names no zone, None for what is no time."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=timezone(timedelta(hours=-3)))


def store_clock(outbox: Outbox, folder: Folder, largest: int, named: str = "") -> tzinfo | None:
    """By whose clock a day begins that was said without a zone: the one ``named`` in the settings, what the server said
    last, that of the newest notes; None where nobody tells. Raises ``OutboxError``.
    """
    rule = books.rule(outbox)
    for zone in (named, rule.zone if rule else ""):
        try:
            if zone:
                return ZoneInfo(zone)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            continue  # a machine that doesn't know it
    try:
        found = [entry for entry in folder.scan() if entry.mark is not None]
    except FolderMissingError:
        return None
    found.sort(key=lambda entry: entry.mark.mtime_ns if entry.mark else 0)
    times = parsed(found[-_NEWEST:], largest)
    return max(times).tzinfo if times else None


def _contents(found: Iterable[FolderEntry], largest: int) -> Iterable[bytes]:
    for entry in found:
        if entry.mark is None or entry.mark.size > largest:
            continue
        try:
            yield read(entry.path, entry.mark, largest)
        except (OSError, FileChangedError, FileTooLargeError):
            continue


def _described(content: bytes) -> list[datetime]:
    from malote.till.file_summary import describe  # the reader of XML, for whom only looks at a till

    return _moments(document.issued_at for document in describe(content))


def _moments(texts: Iterable[str | None]) -> list[datetime]:
    return [time for text in texts if (time := moment(text)) is not None]
