"""A home folder from a backup.

Everything is proven and written aside first, and the store database takes its place last: a machine that dies on the
way leaves no server that could be started with half of it, and the same command begins again.
"""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from malote import durable
from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.backup import copying, manifest
from malote.backup.errors import BackupError
from malote.backup.manifest import BackupFile, BackupManifest
from malote.config import Settings
from malote.database.engine import open_database, writing

_WORKING = ".malote-restore"


def look(backup: Path) -> BackupManifest:
    """What a backup says it holds. Raises ``BackupError``, ``OSError``."""
    with _opened(backup) as archive:
        return manifest.read(archive)


def verify(backup: Path, told: Callable[[int], None]) -> BackupManifest:
    """Proves every file of a backup, and writes nothing. Raises ``BackupError``, ``OSError``."""
    with _opened(backup) as archive:
        found = manifest.read(archive)
        for part in found.parts:
            manifest.unpack(archive, part, None, told)
        return found


def settings_of(backup: Path) -> bytes | None:
    """The settings file in it, proven. Raises ``BackupError``, ``OSError``."""
    with _opened(backup) as archive:
        for part in manifest.read(archive).parts:
            if part.path == "malote.toml":
                manifest.unpack(archive, part, None, lambda _: None)
                return archive.read(part.path)
    return None


def restore(backup: Path, settings: Settings, told: Callable[[int], None], actor: Actor) -> BackupManifest:
    """Everything but the settings, into the home folder and the store database of ``settings``.

    What stands in the home folder already stays as it is. That it was put back, and by whom, is the newest entry of the
    audit trail that comes back with it. Raises ``BackupError``, also where a server's database is
    there already, ``OSError`` and ``StoreError``.
    """
    home = settings.home_path
    _check_unused(settings)
    working = home / _WORKING
    shutil.rmtree(working, ignore_errors=True)
    working.mkdir(mode=0o700, parents=True)
    with _opened(backup) as archive:
        found = manifest.read(archive)
        written = {part: working / f"{at}" for at, part in enumerate(found.parts) if part.path != "malote.toml"}
        for part, aside in written.items():
            manifest.unpack(archive, part, aside, told)
    store = [part for part in written if part.path in (copying.SQLITE, copying.POSTGRESQL)]
    if len(store) != 1:
        raise BackupError("backup_unreadable", detail=copying.SQLITE)
    _place({part: aside for part, aside in written.items() if part not in store}, home)
    named = written[store[0]].rename(working / store[0].path)
    _put_back(settings, named, found, actor)
    durable.sync_folder(home)
    shutil.rmtree(working, ignore_errors=True)
    return found


def _put_back(settings: Settings, copied: Path, made: BackupManifest, actor: Actor) -> None:
    """SQLite's is told before it takes its place, so that none doesn't know; PostgreSQL's at once after."""
    if copied.name == copying.SQLITE:
        _record(f"sqlite:///{copied.as_posix()}", made, actor)
        copying.put_back(settings, copied)
    else:
        copying.put_back(settings, copied)
        _record(settings.database_url, made, actor)


def _record(url: str, made: BackupManifest, actor: Actor) -> None:
    engine = open_database(url)
    try:
        with writing(engine) as connection:
            after = {"made_at": made.made_at.isoformat(), "version": made.version}
            audit.record(connection, actor, audit.RESTORED, "server", after=after)
    finally:
        engine.dispose()


def _check_unused(settings: Settings) -> None:
    """SQLite would take the log that another database left beside it for its own."""
    store = settings.store_file
    for file in sorted(store.parent.glob(f"{store.name}*")) if store is not None else ():
        raise BackupError("backup_home_used", file=str(file))


def _place(written: dict[BackupFile, Path], home: Path) -> None:
    with durable.grouped():
        for part, aside in written.items():
            target = home / part.path
            if not target.exists():
                durable.make_folder(target.parent, mode=0o700)
                durable.move(aside, target)


def _opened(backup: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(backup)
    except zipfile.BadZipFile as error:
        raise BackupError("backup_unreadable", detail=str(error)) from error
