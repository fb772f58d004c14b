"""A copy of the store database as it stands at one moment, made beside a server that goes on working; and back."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, make_url

from malote import durable
from malote.backup.errors import BackupError
from malote.config import Settings

SQLITE = "store.sqlite3"  # names within a backup
POSTGRESQL = "store.dump"


def copy(settings: Settings, folder: Path) -> Path:
    """The store database as one file in ``folder``. Raises ``BackupError``."""
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        return _copy_sqlite(Path(str(url.database)), folder / SQLITE)
    target = folder / POSTGRESQL
    _run(["pg_dump", "--format=custom", f"--file={target}"], url)
    return target


def put_back(settings: Settings, copied: Path) -> None:
    """A store database from such a copy. PostgreSQL's must be there, and empty. Raises ``BackupError``."""
    url = make_url(settings.database_url)
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite != (copied.name == SQLITE):
        raise BackupError("backup_other_database", found=copied.name, expected=url.get_backend_name())
    if is_sqlite:
        durable.move(copied, Path(str(url.database)))
    else:
        # All or nothing: objects that are there already end it, and it leaves no trace.
        _run(["pg_restore", "--no-owner", "--single-transaction", "--exit-on-error", str(copied)], url)


def _copy_sqlite(source: Path, target: Path) -> Path:
    try:
        # In one step: under the write-ahead log it keeps nobody from writing, and it is one moment of the database.
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=15)) as store,
            closing(sqlite3.connect(target)) as copied,
        ):
            store.backup(copied, pages=-1)
            (found,) = copied.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise BackupError("backup_failed", detail=str(error)) from error
    if found != "ok":
        raise BackupError("store_damaged", detail=str(found))
    return target


def _run(command: Sequence[str], url: URL) -> None:
    """One of PostgreSQL's own programs. The password is where other users of the machine can't read it."""
    program = shutil.which(command[0])
    if program is None:
        raise BackupError("backup_program_missing", program=command[0])
    address = url.set(drivername="postgresql", password=None).render_as_string()
    environment = os.environ | ({"PGPASSWORD": str(url.password)} if url.password else {})
    words = [program, *command[1:], f"--dbname={address}", "--no-password"]
    ended = subprocess.run(words, env=environment, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if ended.returncode:
        raise BackupError("backup_failed", detail=ended.stderr.strip()[-500:] or f"{command[0]}: {ended.returncode}")
