"""What ails this till, looked at anew by whoever asks: the POS's folder against the outbox, the disk, the clock.

The agent tells the same to the server; but where it stands still, or can write nothing, only a look of one's own sees
it. Reads only.
"""

from pathlib import Path

import msgspec

from malote import wire
from malote.config import IntakeSettings, TillSettings
from malote.disk import DISK, Disk
from malote.plain import readable
from malote.till import contact_report, cutover, lock, lost_sales
from malote.till.folder import FolderMissingError, folder_of
from malote.till.folder_counts import SeenFolder, counted
from malote.till.lost_sales import LostFile
from malote.till.outbox import Outbox
from malote.till.outbox_records import FileMark
from malote.till.server_line import ServerLine

UNCAPTURED_SECONDS = 60.0  # that a file may lie there: the agent waits until it is quiet, and looks now and then
LEAST_FREE = 4_000_000  # bytes on the outbox's disk
SKEW_SECONDS = 60.0


class SeenByDiagnosis(msgspec.Struct, frozen=True):
    """``folder`` None: it can't be looked at, or none is set."""

    folder: SeenFolder | None = None
    troubles: list[wire.TillTrouble] = []
    lost: list[LostFile] = []


def look(outbox_path: Path, settings: TillSettings, now: float, disk: Disk = DISK) -> SeenByDiagnosis:
    """``settings``: with absolute paths. Raises ``OutboxError``; an outbox that isn't there yet holds nothing."""
    began = lock.has_ever_run(outbox_path)
    try:
        outbox = Outbox(outbox_path, look_only=True)
    except FileNotFoundError:
        folder, troubles = _folder(settings, {}, now)
        troubles = troubles if began else _unbegun(outbox_path, settings, folder, troubles)
        return SeenByDiagnosis(folder, [*_disk(outbox_path, disk), *troubles])
    with outbox:
        asked = any(refusal.code == "start_unsaid" for refusal in outbox.refusals())
        folder, troubles = _folder(settings, outbox.marks(), now)
        troubles = troubles if began else _unbegun(outbox_path, settings, folder, troubles)
        if asked:  # nothing counts before somebody says from when on
            troubles = [one for one in troubles if one.code != "files_uncaptured"]
        sales = lost_sales.all_of(outbox)
        kept = contact_report.kept(outbox, sales, now)
        return SeenByDiagnosis(folder, [*kept, *troubles, *_disk(outbox_path, disk), *_clock(outbox)], sales)


def _folder(
    settings: TillSettings, known: dict[str, FileMark], now: float
) -> tuple[SeenFolder | None, list[wire.TillTrouble]]:
    if not settings.folder:
        return None, []
    folder = folder_of(settings)
    seen, uncaptured = 0, []
    try:
        for entry in folder.scan():
            if entry.mark is None:
                continue  # the agent lists it among what it refused
            seen += 1
            if known.get(entry.path) != entry.mark:
                uncaptured.append(entry.mark)
    except FolderMissingError:
        return None, [wire.TillTrouble("folder_missing", facts={"folder": readable(str(folder.path))})]
    count = counted(seen, uncaptured)
    age = count.oldest_seconds(now)
    if not count.uncaptured or age < UNCAPTURED_SECONDS:
        return count, []
    facts = {"count": str(count.uncaptured), "age": f"{age / 60:.0f} min"}
    return count, [wire.TillTrouble("files_uncaptured", age, count.uncaptured, facts=facts)]


def _unbegun(
    outbox_path: Path, settings: TillSettings, folder: SeenFolder | None, troubles: list[wire.TillTrouble]
) -> list[wire.TillTrouble]:
    """Before the agent's first run nobody captures, however young the files; and what it will ask is asked already."""
    if folder is None or not folder.uncaptured:
        return troubles
    uncaptured = folder.uncaptured
    found = [wire.TillTrouble("agent_never_ran", count=uncaptured, facts={"count": str(uncaptured)})]
    place = folder_of(settings)
    question = cutover.open_question(outbox_path, place, settings.since, IntakeSettings().max_document_bytes)
    if question is not None:
        facts = cutover.facts_of(question, place.path)
        found.insert(0, wire.TillTrouble("start_unsaid", count=question.files, facts=facts))
    return found


def _disk(outbox_path: Path, disk: Disk) -> list[wire.TillTrouble]:
    """A disk that is full is seen before anything has to be written to it."""
    try:
        free = disk.free_bytes(outbox_path.parent)
    except OSError:
        return []
    return [wire.TillTrouble("till_disk_full", facts={"detail": str(outbox_path.parent)})] if free < LEAST_FREE else []


def _clock(outbox: Outbox) -> list[wire.TillTrouble]:
    """By how much this clock was off at the last contact."""
    noted = outbox.noted("line")
    skew = msgspec.json.decode(noted, type=ServerLine).skew_seconds if noted else None
    if skew is None or abs(skew) <= SKEW_SECONDS:
        return []
    return [wire.TillTrouble("clock_skewed", facts={"seconds": f"{skew:+.0f}"})]
