"""Files of loads on their way in: fetched with resume, named by their hash once they proved to have it.

What is there already isn't fetched, after a kill too; what no order needs any more is removed.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from malote import durable
from malote.disk import Disk
from malote.load_format.wire import ManifestFile
from malote.till.loads import obstacles
from malote.till.server_client import ServerClient

FOLDER = "loads-incoming"
_PART = ".part"
_HASHED_AT_ONCE = 8_000_000  # bytes between two steps


class WrongHashError(Exception):
    """What came under this hash has another, twice."""


class Incoming:
    """The folder beside the outbox. Every method may raise ``OSError``."""

    def __init__(self, outbox: Path, disk: Disk, now: Callable[[], float]) -> None:
        """``now``: seconds since the epoch."""
        self.folder = outbox.with_name(FOLDER)
        self._disk, self._now = disk, now

    def path_of(self, listed: ManifestFile) -> Path:
        return self.folder / listed.sha256

    def missing(self, listed: Iterable[ManifestFile]) -> int:
        """Bytes that are still to be fetched."""
        return sum(one.bytes - min(self._size(one), one.bytes) for one in listed)

    def fetch(self, server: ServerClient, listed: ManifestFile) -> Iterator[int]:
        """Until it is there, whole and proven. Yields how many of its bytes are. Raises ``WrongHashError``,
        ``ServerError``."""
        durable.make_folder(self.folder, mode=0o700, disk=self._disk)
        for _ in range(2):
            if self.path_of(listed).exists():
                yield listed.bytes
                return
            yield from self._fetch(server, listed)
            yield from self._prove(listed)
        if not self.path_of(listed).exists():
            raise WrongHashError(listed.sha256)

    def keep_only(self, listed: Iterable[ManifestFile]) -> None:
        """Removes what isn't of these files; what is no file, or stands in the folder's place, is put aside."""
        kept = {one.sha256 for one in listed}
        if self.folder.exists() and not self.folder.is_dir():
            obstacles.put_aside(self.folder, self._now(), self._disk)
        for path in self.folder.iterdir() if self.folder.exists() else ():
            if obstacles.was_put_aside(path):
                continue
            if obstacles.is_obstacle(path):
                obstacles.put_aside(path, self._now(), self._disk)
            elif path.name.removesuffix(_PART) not in kept:
                self._disk.remove(path)

    def _fetch(self, server: ServerClient, listed: ManifestFile) -> Iterator[int]:
        part = self._part(listed)
        have = part.stat().st_size if part.exists() else 0
        if have >= listed.bytes:
            return
        with self._disk.file(part) if have else self._disk.new_file(part) as file:
            with server.load_file(listed.sha256, have) as (start, pieces):
                file.seek(start)
                file.truncate()
                for piece in pieces:
                    start += len(piece)
                    if start > listed.bytes:
                        break  # no file of ours: its hash will say so
                    file.write(piece)
                    yield start
            self._disk.sync(file)

    def _prove(self, listed: ManifestFile) -> Iterator[int]:
        """Gives it its name, or removes it."""
        part, digest = self._part(listed), hashlib.sha256()
        with part.open("rb") as file:
            while piece := file.read(_HASHED_AT_ONCE):
                digest.update(piece)
                yield listed.bytes
        if digest.hexdigest() == listed.sha256:
            durable.move(part, self.path_of(listed), disk=self._disk)
        else:
            durable.remove(part, disk=self._disk)

    def _part(self, listed: ManifestFile) -> Path:
        return self.folder / f"{listed.sha256}{_PART}"

    def _size(self, listed: ManifestFile) -> int:
        for path in (self.path_of(listed), self._part(listed)):
            if path.exists():
                return path.stat().st_size
        return 0
