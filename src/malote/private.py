"""Files that hold consumers' data or keys are their owner's alone, whatever the umask.

On Windows there are no such modes: who may read the home folder may read what is in it.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

FILE = 0o600
FOLDER = 0o700
_OTHERS = 0o077

# What a home folder holds of such, as patterns. The POS's own folders in `entrada/` are not ours to close.
PATTERNS = (
    "store.sqlite3*",
    "erp.sqlite3*",
    "outbox.sqlite3*",
    "*.key",
    "primeiro-acesso.txt",
    "rejeitados",
    "lixeira",
    "cargas",
    "entrada/*/recebidos",
)


class Closed(msgspec.Struct, frozen=True):
    """What others could read until now: no longer, or still, since it belongs to somebody else."""

    mended: tuple[Path, ...] = ()
    failed: tuple[Path, ...] = ()


def claim(path: Path) -> None:
    """Makes an empty file that only its owner reads, where there is none; whoever fills it keeps that.

    SQLite takes it for a new database, and gives its other files the same rights. Raises ``OSError``.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, FILE))
    except FileExistsError:
        return


def close_home(home: Path, patterns: Iterable[str] = PATTERNS) -> Closed:
    """Closes to others what a home folder holds of such. What is closed already costs a look at its top only."""
    return close(path for pattern in patterns for path in sorted(home.glob(pattern)))


def close(paths: Iterable[Path]) -> Closed:
    """Closes these to others, folders with all that is in them."""
    mended: list[Path] = []
    failed: list[Path] = []
    if os.name == "nt":
        return Closed()
    for top in paths:
        for path in _open_to_others(top):
            try:
                _shut(path)
            except OSError:
                failed.append(path)
            else:
                mended.append(path)
    return Closed(tuple(mended), tuple(failed))


def _shut(path: Path) -> None:
    """Never what a link leads to, also where it took the place of what was looked at: in a folder of the POS's,
    anybody may put one that leads to this machine's own files. Raises ``OSError``."""
    opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        os.fchmod(opened, FOLDER if stat.S_ISDIR(os.fstat(opened).st_mode) else FILE)
    finally:
        os.close(opened)


def _open_to_others(top: Path) -> Iterator[Path]:
    """``top`` where others may enter or read it, and then all below it that they may; never what a link leads to."""
    if not _lets_others(top):
        return
    yield top
    for folder, names, files in os.walk(top):
        for name in (*names, *files):
            path = Path(folder) / name
            if _lets_others(path):
                yield path


def _lets_others(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    return (stat.S_ISDIR(mode) or stat.S_ISREG(mode)) and bool(stat.S_IMODE(mode) & _OTHERS)
