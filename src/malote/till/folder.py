"""The POS's folder: which files in it are wanted, how they look, and how one is read without trusting it."""

import fnmatch
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from malote.config import TillSettings
from malote.explained_error import ExplainedError
from malote.till.outbox_records import FileMark, mark_of

# A link or a pipe put in a file's place must not make the agent read elsewhere, or wait for ever.
_OPEN = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class FolderMissingError(ExplainedError):
    """The folder does not exist, or can't be reached now (a network drive that isn't mounted)."""

    def __init__(self, folder: Path) -> None:
        super().__init__("folder_missing", folder=str(folder))


class FileChangedError(Exception):
    """The file is not what it was when it was looked at; look again."""


class FileTooLargeError(Exception):
    """The file grew beyond the limit."""


class FolderEntry(msgspec.Struct, frozen=True, gc=False):
    """A wanted file; or, where ``mark`` is None, a folder inside the POS's that can't be looked into."""

    path: str
    mark: FileMark | None
    detail: str = ""


class Folder:
    """Wanted are plain files whose name matches ``pattern`` (in any case), neither hidden nor in ``excluded``."""

    def __init__(self, path: Path, pattern: str, *, recursive: bool, excluded: Path | None = None) -> None:
        self.path = path
        self._name = re.compile(fnmatch.translate(pattern), re.IGNORECASE)
        self._recursive = recursive
        self._excluded = str(excluded.absolute()) if excluded else None

    def scan(self) -> Iterator[FolderEntry]:
        """Everything wanted, without opening any file. Raises ``FolderMissingError``."""
        try:
            os.scandir(self.path).close()
        except OSError as error:
            raise FolderMissingError(self.path) from error
        yield from self._scan(str(self.path))

    def look(self, path: str) -> Iterator[FolderEntry]:
        """One path that is said to have changed: nothing when it isn't wanted or is gone, all below a folder."""
        if not self._inside(path):
            return
        try:
            status = os.lstat(path)
        except OSError:
            return
        if stat.S_ISDIR(status.st_mode):
            if self._recursive:
                yield from self._scan(path)
        elif stat.S_ISREG(status.st_mode) and self._wanted(Path(path).name):
            yield FolderEntry(path, mark_of(status))

    def wants(self, path: str) -> bool:
        """Whether a plain file of this name would be wanted, there or not."""
        return self._inside(path) and self._wanted(Path(path).name)

    def _scan(self, top: str) -> Iterator[FolderEntry]:
        folders = [top]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if self._enters(entry):
                            folders.append(entry.path)
                        elif entry.is_file(follow_symlinks=False) and self._wanted(entry.name):
                            yield from _found(entry)
            except FileNotFoundError:
                continue
            except OSError as error:
                yield FolderEntry(folder, None, error.strerror or str(error))

    def _enters(self, entry: os.DirEntry[str]) -> bool:
        if not self._recursive or not entry.is_dir(follow_symlinks=False):
            return False
        return not _hidden(entry.name) and entry.path != self._excluded

    def _wanted(self, name: str) -> bool:
        return not _hidden(name) and self._name.match(name) is not None

    def _inside(self, path: str) -> bool:
        """Whether a full scan would come by this path."""
        try:
            parts = Path(path).relative_to(self.path).parts
        except ValueError:
            return False
        folders = [str(self.path.joinpath(*parts[: depth + 1])) for depth in range(len(parts))]
        if self._excluded in folders or any(_hidden(part) for part in parts):
            return False
        if any(map(os.path.islink, folders[:-1])):  # a watcher goes through it, and a scan doesn't
            return False
        return self._recursive or len(parts) == 1


def read(path: str, expected: FileMark, limit: int) -> bytes:
    """The whole file, if it is a plain file that looks as ``expected`` before and after.

    Raises ``FileChangedError``, ``FileTooLargeError``, or ``OSError`` when it can't be read.
    """
    descriptor = os.open(path, _OPEN)
    with os.fdopen(descriptor, "rb") as file:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode) or mark_of(before) != expected:
            raise FileChangedError(path)
        content = file.read(limit + 1)
        if len(content) > limit:
            raise FileTooLargeError(path)
        if len(content) != expected.size or mark_of(os.fstat(descriptor)) != expected:
            raise FileChangedError(path)
    return content


def _found(entry: os.DirEntry[str]) -> Iterator[FolderEntry]:
    try:
        yield FolderEntry(entry.path, mark_of(entry.stat(follow_symlinks=False)))
    except FileNotFoundError:
        return


def _hidden(name: str) -> bool:
    return name.startswith((".", "~"))


def folder_of(settings: TillSettings) -> Folder:
    """The POS's folder as the settings describe it."""
    excluded = Path(settings.moved_folder) if settings.moved_folder else None
    path = Path(settings.folder).absolute()
    return Folder(path, settings.pattern, recursive=settings.recursive, excluded=excluded)
