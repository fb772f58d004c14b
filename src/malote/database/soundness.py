"""A store database that turned out to be damaged is not used any more: nothing more is acknowledged on its word.

Noticed by the engine's own error at whatever is done in it, and by a check of the whole file now and then. It lasts
until the process ends: a page that can be read again says nothing of the others.
"""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine

from malote.database.errors import StoreError

ROUND_SECONDS = 6 * 3600.0  # between checks of the whole file; it reads all of it
_MOST_CHECKED = 20_000_000_000  # bytes: of a larger file a check would take hours

OPTION = "malote_soundness"


class Soundness:
    """Of one engine. Safe for threads."""

    def __init__(self, file: Path | None = None) -> None:
        """``file``: the SQLite database's, which must stay the one it was: what goes into one that somebody removed, or
        put another in the place of, is gone as soon as the process ends."""
        self._damage: str | None = None
        self._file = file
        self._identity: tuple[int, int] | None = None

    def met(self, error: StoreError) -> None:
        """An error came of the database."""
        if error.code == "store_damaged" and self._damage is None:
            self._damage = error.detail

    def check(self) -> None:
        """Raises ``StoreError`` where damage was met before, or the file is another one."""
        if self._damage is None and self._is_another():
            self._damage = f"{self._file}: removido ou trocado / removed or replaced"
        if self._damage is not None:
            raise StoreError("store_damaged", detail=self._damage)

    def _is_another(self) -> bool:
        if self._file is None:
            return False
        try:
            found = self._file.stat()
        except FileNotFoundError:
            return self._identity is not None
        except OSError:
            return False
        now = (found.st_dev, found.st_ino)
        self._identity = self._identity or now
        return now != self._identity


def soundness_of(engine: Engine) -> Soundness:
    found = engine.get_execution_options().get(OPTION)
    return found if isinstance(found, Soundness) else Soundness()


def look_through(engine: Engine) -> bool:
    """Reads the whole SQLite file once, beside all work; whether it is sound. True of any other engine.

    What is found stops the work of this process. Raises ``StoreError``.
    """
    name = engine.url.database
    if engine.dialect.name != "sqlite" or not name:
        return True
    try:
        with closing(sqlite3.connect(f"{Path(name).absolute().as_uri()}?mode=ro", uri=True)) as connection:
            pages, size = (connection.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "page_size"))
            if pages * size > _MOST_CHECKED:
                return True
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        if (getattr(error, "sqlite_errorcode", 0) & 0xFF) not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return True  # busy, or away for a moment: told elsewhere
        found = str(error)
    if found == "ok":
        return True
    soundness_of(engine).met(StoreError("store_damaged", detail="quick_check"))
    return False


def watch(engine: Engine, stop: threading.Event) -> None:
    """A worker: looks through the file now and then."""
    while not stop.wait(ROUND_SECONDS):
        look_through(engine)
