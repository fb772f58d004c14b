"""The load in files, for a POS that reads such: written anew when their rows are others, and when a dated row begins.

What was written is remembered beside the outbox, so that nothing is written again after a restart, also where the POS
has taken its file away.
"""

import os
from pathlib import Path

import msgspec

from malote import durable
from malote.config.sections import LoadFileSettings, TillLoadsSettings
from malote.disk import Disk
from malote.explained_error import ExplainedError
from malote.till.loads import held_entities, loads_database, obstacles, output_formats, server_time
from malote.till.loads.dated_rows import DatedRows
from malote.till.loads.held_entities import HeldEntity
from malote.till.loads.loads_database import LoadsError
from malote.till.loads.output_formats import OutputError
from malote.till.trouble_notices import Voice

REMEMBERED = "loads-files.json"
LOOK_SECONDS = 1.0
_TOPIC = "loads"
_LONGEST = 500  # characters of what is said of files that can't be written


class ObstructedError(OutputError):
    """Something else stands in the place of the file or its folder. It is the POS's: left as it is."""

    def __init__(self, place: Path) -> None:
        ExplainedError.__init__(self, "loads_file_obstructed", path=str(place))


class WrittenOutput(msgspec.Struct, frozen=True):
    """``rows``: the digest of the entity; ``asked``: the settings; ``until``: when others are valid; None: never."""

    rows: str
    asked: LoadFileSettings
    at: float
    until: float | None = None

    def holds(self, rows: str, asked: LoadFileSettings, now: float) -> bool:
        """A clock that was set back counts as well."""
        is_of_now = self.at <= now and (self.until is None or now < self.until)
        return is_of_now and (self.rows, self.asked) == (rows, asked)


class OutputFiles:
    """Belongs to a thread of its own: writing a large file must keep no sale waiting."""

    def __init__(self, outbox: Path, settings: TillLoadsSettings, disk: Disk) -> None:
        self._path, self._settings, self._disk = loads_database.path_beside(outbox), settings, disk
        self._remembered = outbox.with_name(REMEMBERED)
        self._written: dict[str, WrittenOutput] = {}
        self._seen: object = None
        self._time = server_time.UNKNOWN

    def write_due(self, clock: float) -> list[str]:
        """Writes what is due, and returns the names. ``clock``: what the till's says. Raises ``LoadsError``,
        ``OSError``, ``OutputError``; the files are then whole, old or new, and what is left is tried again."""
        seen = self._look()
        if seen != self._seen:
            self._time = server_time.recall(self._path)
        now = self._time.now(clock)
        if seen == self._seen and all(one.holds(one.rows, one.asked, now) for one in self._written.values()):
            return []
        if obstacles.is_obstacle(self._remembered):
            obstacles.put_aside(self._remembered, clock, self._disk)
        self._written = self._recall()
        done = self._write(now)
        self._seen = seen
        return done

    def write_and_tell(self, clock: float, voice: Voice) -> bool:
        """``write_due``; what can't be written for now is told as a trouble. Whether all is."""
        try:
            self.write_due(clock)
        except (LoadsError, OutputError) as error:
            voice.trouble(_TOPIC, error.code, **error.facts)
        except OSError as error:
            voice.trouble(
                _TOPIC,
                "loads_file_unwritten",
                detail=_said(error) if _where(error) else f"{self._settings.folder}: {_said(error)}",
            )
        else:
            voice.over(_TOPIC)
            return True
        return False

    def _write(self, now: float) -> list[str]:
        done: list[str] = []
        failed: list[OSError | OutputError] = []
        try:
            with loads_database.read_only(self._path) as connection, loads_database.reading(connection):
                held = held_entities.all_held(connection)
                for asked in self._settings.files:
                    one, before = held.get(asked.entity), self._written.get(asked.name)
                    if one is None and held:
                        failed.append(OutputError(f"{asked.name}: {asked.entity} ≠ {', '.join(sorted(held))}"))
                    if one is None or (before is not None and before.holds(one.actual, asked, now)):
                        continue
                    rows = DatedRows(connection, one.table, now, self._time.zone_shift, every=asked.rows == "all")
                    try:
                        self._put(asked, one, rows)
                        self._remember(asked.name, WrittenOutput(one.actual, asked, now, rows.next))
                    except (OSError, OutputError) as error:
                        failed.append(error)  # the others are written all the same
                    else:
                        done.append(asked.name)
        except FileNotFoundError:
            pass  # no load yet, or a damaged one that was set aside: what was written stays
        if len(failed) > 1:
            raise OutputError("; ".join(map(_said, failed))[:_LONGEST]) from failed[0]
        if failed:
            raise failed[0]
        return done

    def _put(self, asked: LoadFileSettings, held: HeldEntity, rows: DatedRows) -> None:
        folder = Path(self._settings.folder)
        for place, is_right in ((folder, folder.is_dir()), (folder / asked.name, (folder / asked.name).is_file())):
            if place.exists() and not is_right:
                raise ObstructedError(place)
        durable.make_folder(folder, disk=self._disk)
        with durable.replacing(folder / asked.name, disk=self._disk) as file:
            for line in output_formats.lines(asked, held.entity, rows):
                file.write(line)
            if hasattr(os, "fchmod"):
                # For whoever its folder is for.
                os.fchmod(file.fileno(), folder.stat().st_mode & 0o666)

    def _remember(self, name: str, written: WrittenOutput) -> None:
        self._written[name] = written
        durable.write(self._remembered, msgspec.json.encode(self._written), disk=self._disk)

    def _recall(self) -> dict[str, WrittenOutput]:
        """Of files that the settings still name."""
        try:
            known = msgspec.json.decode(self._remembered.read_bytes(), type=dict[str, WrittenOutput])
        except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
            return {}
        return {one.name: known[one.name] for one in self._settings.files if one.name in known}

    def _look(self) -> object:
        """What changes with every commit, for little."""
        found: list[tuple[int, int, int] | None] = []
        for path in (self._path, self._path.with_name(f"{self._path.name}-wal")):
            try:
                status = path.stat()
                found.append((status.st_ino, status.st_size, status.st_mtime_ns))
            except FileNotFoundError:
                found.append(None)
        return found


def _said(error: OSError | OutputError) -> str:
    if isinstance(error, OutputError):
        return "; ".join(error.facts.values())
    where, reason = _where(error), error.strerror or str(error)
    return f"{where}: {reason}" if where else reason


def _where(error: OSError) -> str:
    """Its folder: the file itself is the one that is written aside."""
    return str(Path(error.filename).parent) if isinstance(error.filename, str) else ""
