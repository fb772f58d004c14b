"""Making a backup while the server works.

First the database, at one moment; then the folders. A file that was rejected in between is in its folder, and the
server takes it up as any file that somebody put there; one that was deleted is in the trash, which is copied last. What
is booked afterwards is known by the ERP's ledger, and the tills send again what this server doesn't know.
"""

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import msgspec

from malote import __version__, durable
from malote.backup import copying, manifest
from malote.backup.errors import BackupError
from malote.backup.manifest import BackupFile, BackupManifest
from malote.config import Settings

_PIECE = 1 << 20
_PACKED: Any = {"compression": zipfile.ZIP_DEFLATED, "compresslevel": 1}  # most of it is compressed already


class Made(msgspec.Struct, frozen=True):
    """``left_out``: files that vanished meanwhile, or whose names no other system could write."""

    manifest: BackupManifest
    left_out: int


def make(settings: Settings, settings_file: Path | None, target: Path, told: Callable[[int], None]) -> Made:
    """A backup at ``target``, whole or not there at all. ``told`` hears how many bytes were copied.

    Raises ``BackupError``, ``OSError``.
    """
    if target.exists():
        raise BackupError("backup_exists", file=str(target))
    durable.make_folder(target.parent)
    with tempfile.TemporaryDirectory(prefix=".malote-backup-", dir=target.parent) as working:
        unfinished = Path(working) / "backup.zip"
        store = copying.copy(settings, Path(working))
        parts: list[BackupFile] = []
        left_out = 0
        # For its owner's eyes: it holds consumers' data, the server's key and, with the settings, passwords.
        with durable.new_file(unfinished) as file, zipfile.ZipFile(file, "w", **_PACKED) as out:
            for path, name in _files(settings, settings_file, store):
                part = _add(out, path, name, told)
                if part is None:
                    left_out += 1
                else:
                    parts.append(part)
            made = BackupManifest(manifest.FORMAT, datetime.now(UTC), __version__, settings.store.name, parts)
            out.writestr(manifest.NAME, msgspec.json.format(msgspec.json.encode(made), indent=1))
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        durable.move(unfinished, target)
    return Made(made, left_out)


def _files(settings: Settings, settings_file: Path | None, store: Path) -> Iterator[tuple[Path, str]]:
    """What is kept, and its place in the home folder. The trash is last: nothing leaves it by itself for the others."""
    home = settings.home_path
    yield store, store.name
    if settings_file is not None:
        yield settings_file, "malote.toml"
    for key in sorted(home.glob("*.key")):
        yield key, key.name
    for named in _named(settings):
        yield named, named.relative_to(home.resolve()).as_posix()
    for folder in (settings.quarantine_path, settings.drop_path, settings.trash_path):
        for path in _regular(folder):
            yield path, path.relative_to(home).as_posix()


def _named(settings: Settings) -> Iterator[Path]:
    """The files that the settings name, without which no server starts; what lies elsewhere is not this home's."""
    home, profile = settings.home_path.resolve(), settings.erp.profile
    own = settings.home_path / profile if profile.endswith(".toml") else None
    named = [path.resolve() for path in (own, settings.load_sources_path, settings.rules_path) if path is not None]
    for path in dict.fromkeys(named):
        if path.suffix == ".toml" and path.is_relative_to(home) and path.is_file():
            yield path


def _regular(folder: Path) -> Iterator[Path]:
    """The regular files below, in order; links are not followed, and files that the server took in already are left."""
    for at, folders, files in os.walk(folder):
        if "recebidos" in folders:
            folders.remove("recebidos")
        folders.sort()
        for name in sorted(files):
            path = Path(at) / name
            if path.is_file() and not path.is_symlink():
                yield path


def _add(out: zipfile.ZipFile, path: Path, name: str, told: Callable[[int], None]) -> BackupFile | None:
    try:
        name.encode("utf-8")
        with path.open("rb") as source:
            return _copied(out, source, name, told)
    except (UnicodeEncodeError, FileNotFoundError):
        return None


def _copied(out: zipfile.ZipFile, source: IO[bytes], name: str, told: Callable[[int], None]) -> BackupFile:
    digest, size = hashlib.sha256(), 0
    with out.open(name, "w", force_zip64=True) as target:
        while piece := source.read(_PIECE):
            digest.update(piece)
            size += len(piece)
            target.write(piece)
            told(len(piece))
    return BackupFile(name, size, digest.hexdigest())
