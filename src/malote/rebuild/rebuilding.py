"""Rebuilds the store database: from what can be read of the old one, the files on disk, and the tills.

The ERP's ledger judges: whatever comes in again and is booked there already is settled as posted, once. The new
database takes its place last; a machine that dies before has the old one, and the same command begins again.
"""

import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, func, select

from malote import durable
from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.config import Settings
from malote.database.account_tables import user_account
from malote.database.engine import open_database, reading, writing
from malote.database.migrations import migrate
from malote.database.tables import document as documents
from malote.database.tables import pouch as pouches
from malote.explained_error import ExplainedError
from malote.intake.dropped_files import RECEIVED
from malote.rebuild import copying
from malote.rebuild.copying import LARGEST_POUCH, Copied
from malote.rebuild.report import ErpAlone, RebuildReport, Token
from malote.sealing import unseal
from malote.tills import till as tills
from malote.tills.till import Till, TillError
from malote.wire import FileReceipt, PouchFile

BUILDING = ".rebuilding"
BUILT = ".rebuilt"
_FILES_AT_ONCE = 100

TakeFiles = Callable[[Till, Sequence[PouchFile]], list[FileReceipt]]


class RebuildError(ExplainedError):
    """It can't be done here. Nothing was changed."""


def rebuild(settings: Settings, names: Sequence[str], actor: Actor) -> tuple[Copied, list[Token], str]:
    """Puts a new database in the place of the old one, and says what it holds and where the old one is.

    ``names``: tills that are known to be there, beside those that have folders. ``actor``: whose order it is, for the
    audit trail of the new one. Raises ``RebuildError``, ``OSError``,
    ``StoreError``.
    """
    path = settings.store_file
    if path is None:
        raise RebuildError("rebuild_not_sqlite")
    building, built = path.with_name(path.name + BUILDING), path.with_name(path.name + BUILT)
    _remove(building)
    engine = open_database(f"sqlite:///{building.as_posix()}")
    try:
        migrate(engine)
        engine.dispose()
        done = _copied(path, building)
        # A till whose row is lost may have left its name on a folder.
        complete = done.rows["till"] and not done.unreadable["till"]
        tokens = _tokens(engine, done, [*names, *(() if complete else _folders(settings))], actor)
        _note(engine, done, actor)
    finally:
        engine.dispose()
    durable.move(building, built)
    return done, tokens, _swap(path, built)


def _copied(path: Path, building: Path) -> Copied:
    if not path.exists():
        return Copied()
    try:
        return copying.copy(path, building, time.time())
    except sqlite3.Error as error:
        # The new one can't be written: mostly a full disk. The old one is as it was.
        detail = getattr(error, "sqlite_errorname", type(error).__name__)
        raise RebuildError("folder_unusable", folder=str(building.parent), detail=detail) from error


def take_again(engine: Engine, settings: Settings, take: TakeFiles, told: Callable[[int], None]) -> int:
    """Files of pouches whose documents were lost, and those received through the drop folder: taken in anew.

    What is known is not taken twice. How many there were that weren't. Raises ``StoreError``, ``OSError``.
    """
    count = 0
    for till, files in (*_of_pouches(engine), *_received(engine, settings.drop_path)):
        known = sum(receipt.already_known for receipt in take(till, files))
        count += len(files) - known
        told(len(files))
    return count


def report(engine: Engine, done: Copied, tokens: list[Token], aside: str, taken: int, alone: ErpAlone) -> RebuildReport:
    """Raises ``StoreError``."""
    with reading(engine) as connection:
        users = connection.execute(select(func.count()).select_from(user_account)).scalar_one()
    rows, unreadable, dropped = dict(done.rows), dict(done.unreadable), dict(done.dropped)
    return RebuildReport(aside, rows, unreadable, dropped, done.missing, tokens, taken, users == 0, alone)


def _swap(path: Path, built: Path) -> str:
    aside = ""
    if path.exists():
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        old = path.with_name(f"{path.name}.damaged-{stamp}")
        for suffix in ("-wal", "-shm", ""):
            part = path.with_name(path.name + suffix)
            if part.exists():
                durable.move(part, old.with_name(old.name + suffix))
        aside = str(old)
    else:
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    durable.move(built, path)
    return aside


def finish(settings: Settings) -> bool:
    """Puts a new database into its place where the machine died just before; whether there was one."""
    path = settings.store_file
    built = path.with_name(path.name + BUILT) if path else None
    if path is None or built is None or not built.exists():
        return False
    _swap(path, built)
    return True


def _note(engine: Engine, done: Copied, actor: Actor) -> None:
    after: audit.Facts = {
        "entries": done.rows["audit_entry"],
        "documents": done.rows["document"],
        "unreadable": sum(done.unreadable.values()),
        "missing": len(done.missing),
    }
    with writing(engine) as connection:
        audit.record(connection, actor, "store_rebuilt", "server", after=after, now=time.time())


def _remove(path: Path) -> None:
    for suffix in ("-wal", "-shm", ""):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _folders(settings: Settings) -> list[str]:
    """The tills that have a folder of their own, of received or of rejected files."""
    found = set()
    for root in (settings.drop_path, settings.quarantine_path):
        if root.is_dir():
            found |= {path.name for path in root.iterdir() if path.is_dir() and not path.is_symlink()}
    return sorted(name for name in found if not name.startswith("."))


def _tokens(engine: Engine, done: Copied, names: Sequence[str], actor: Actor) -> list[Token]:
    """New tokens for tills whose own is lost; a till that is there keeps its own."""
    there = {till.name.lower(): till for till in tills.list_tills(engine)}
    found = [
        Token(till.name, tills.new_token(engine, till.name, actor=actor))
        for till in there.values()
        if till.id in done.tills_without_token
    ]
    for name in names:
        if name.lower() not in there:
            with suppress(TillError):  # a folder that can't be a till's
                till, token = tills.create_till(engine, name, actor=actor)
                there[name.lower()] = till
                found.append(Token(till.name, token))
    return found


def _of_pouches(engine: Engine) -> Iterator[tuple[Till, list[PouchFile]]]:
    """Files of pouches that have fewer documents than files."""
    by_id = {till.id: till for till in tills.list_tills(engine)}
    with reading(engine) as connection:
        ids = list(connection.execute(select(pouches.c.id).where(pouches.c.body.is_not(None))).scalars())
    for pouch_id in ids:
        with reading(engine) as connection:
            row = connection.execute(select(pouches).where(pouches.c.id == pouch_id)).one()
            of_pouch = select(documents.c.file_sha256).where(documents.c.till_id == row.till_id)
            files = unseal(bytes(row.body), None, max_size=LARGEST_POUCH).files
            hashes = [file.sha256 for file in files]
            known = set(connection.execute(of_pouch.where(documents.c.file_sha256.in_(hashes))).scalars())
        lost = [file for file in files if file.sha256 not in known]
        if lost:
            yield by_id[row.till_id], lost


def _received(engine: Engine, root: Path) -> Iterator[tuple[Till, list[PouchFile]]]:
    for till in tills.list_tills(engine):
        folder = root / till.name / RECEIVED
        paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        for start in range(0, len(paths), _FILES_AT_ONCE):
            yield till, [_file(path) for path in paths[start : start + _FILES_AT_ONCE]]


def _file(path: Path) -> PouchFile:
    content = path.read_bytes()
    return PouchFile(path.name, hashlib.sha256(content).digest(), content)
