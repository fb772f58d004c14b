"""What people and programs ask of the loads at a till: how it stands, one step back, a price."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from malote.config.sections import TillLoadsSettings
from malote.disk import DISK
from malote.till.loads import held_entities, loads_database, price_question, rolling_back, server_time
from malote.till.loads.held_entities import NOTHING, AppliedLoad
from malote.till.loads.loads_database import LoadsError
from malote.till.loads.output_files import OutputFiles
from malote.till.loads.price_question import TillPrices
from malote.till.loads.rolling_back import RolledBack

NO_FILES = TillLoadsSettings()
_PATIENCE_SECONDS = 30.0  # of a person, for a load that is just being applied


class HeldEntityStatus(msgspec.Struct, frozen=True):
    version: int
    rows: int
    applied_at: int
    sha256: str


class LoadsStatus(msgspec.Struct, frozen=True):
    """``version`` 0: no load yet. Times in seconds since the epoch. ``history``: the latest first.
    ``clock_skew_seconds``: how far the till's clock is off, as dated rows are corrected by."""

    version: int = 0
    applied_at: int = 0
    rolled_back_from: int = 0
    entities: dict[str, HeldEntityStatus] = {}
    history: list["LoadChange"] = []
    clock_skew_seconds: int = 0


class LoadChange(msgspec.Struct, frozen=True):
    """A load that was applied, or, with ``rolled_back_from``, taken back."""

    at: int
    version: int
    version_before: int
    changed: int
    rolled_back_from: int = 0
    emergency: bool = False


def status(outbox: Path) -> LoadsStatus:
    """Raises ``LoadsError``."""
    try:
        with _looking(outbox) as connection:
            held = held_entities.all_held(connection)
            history = held_entities.history(connection)
            skew = server_time.read(connection).skew
    except FileNotFoundError:
        return LoadsStatus()
    last = history[0] if history else NOTHING
    entities = {name: HeldEntityStatus(one.version, one.rows, one.applied_at, one.actual) for name, one in held.items()}
    changes = [_change(one) for one in history]
    return LoadsStatus(last.version, last.at, last.rolled_back_from, entities, changes, skew)


def roll_back(outbox: Path, at: float, *, dry_run: bool, files: TillLoadsSettings = NO_FILES) -> RolledBack:
    """Also writes the ``files`` for the POS, since no agent may be running. Raises ``LoadsError``; ``OSError`` and
    ``OutputError`` where these can't be written: the load is taken back then, and a running agent tries them again."""
    path = loads_database.path_beside(outbox)
    if not path.exists():
        raise LoadsError("loads_nothing_before")
    with loads_database.opened(path, patience=_PATIENCE_SECONDS) as connection:
        if dry_run:
            return rolling_back.what_would_be(connection)
        done = rolling_back.roll_back(connection, at)
    if files.files:
        OutputFiles(outbox, files, DISK).write_due(at)
    return done


def price(outbox: Path, product: str, at: float, *, is_now: bool = False) -> TillPrices:
    """``at``: by the till's clock; ``is_now``: what it says now. Raises ``LoadsError``."""
    try:
        with _looking(outbox) as connection:
            return price_question.ask(connection, product, at, is_now=is_now)
    except FileNotFoundError:
        return TillPrices(product, at, 0, 0, [])


@contextmanager
def _looking(outbox: Path) -> Iterator[sqlite3.Connection]:
    path = loads_database.path_beside(outbox)
    with loads_database.read_only(path) as connection, loads_database.reading(connection):
        yield connection


def _change(one: AppliedLoad) -> LoadChange:
    return LoadChange(one.at, one.version, one.version_before, one.changed, one.rolled_back_from, one.emergency)
