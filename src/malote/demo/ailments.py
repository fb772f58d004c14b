"""Troubles that this machine can't really be made to have: a clock of one till that is wrong, a disk that is full.

The till's own agent works on with a clock or disk that says so: it captures, sends and tells what it would at a store.
"""

import os
import sqlite3
from pathlib import Path
from typing import Any, Literal

from malote import clock, disk

VARIABLE = "MALOTE_DEMO_AILMENT"
AHEAD_SECONDS = 900.0

Ailment = Literal["clock-ahead", "disk-full"]


class ClockAhead(clock.Clock):
    """A quarter of an hour ahead."""

    def now(self) -> float:
        return super().now() + AHEAD_SECONDS


class FullDisk(disk.Disk):
    """No byte is left: no database opens for writing."""

    def free_bytes(self, folder: Path) -> int:
        return 0

    def database(self, path: Path | str, **how: Any) -> sqlite3.Connection:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error


def take_on() -> None:
    """This process has what its environment says; before the parts that are given a clock and a disk are imported."""
    match os.environ.get(VARIABLE):
        case "clock-ahead":
            clock.CLOCK = ClockAhead()
        case "disk-full":
            disk.DISK = FullDisk()
