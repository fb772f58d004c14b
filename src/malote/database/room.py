"""Whether the disk has room left for the store database to do anything."""

import shutil
from pathlib import Path

from sqlalchemy import Connection

LEAST_FREE = 50_000_000  # bytes; SQLite and the quarantine need some to do anything


def is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < LEAST_FREE
    except OSError:
        return False


def folder_of(connection: Connection) -> Path | None:
    """Where the database's file is; None where it is a server's, whose disk can't be seen from here."""
    file = connection.engine.url.database
    return Path(file).parent if connection.dialect.name == "sqlite" and file and file != ":memory:" else None
