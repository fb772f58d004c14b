"""A load at the till in processor time, beside bare ``executemany`` of the same rows into the same kind of tables; and
its memory, with five times the rows."""

import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from malote.disk import DISK
from malote.load_format import digest, files
from malote.load_format.entity import Entity, EntityColumn, Row
from malote.load_format.files import Header
from malote.load_format.wire import EntityState, LoadOrder, ManifestFile
from malote.till.loads import loads_database
from malote.till.loads.applying import Applying, ReadyFile

ROWS, MANY, FEW = 100_000, 500_000, 100
PRICE = Entity(
    "price",
    ("product_code", "unit", "valid_from"),
    (
        EntityColumn("product_code"),
        EntityColumn("unit"),
        EntityColumn("valid_from", "instant"),
        EntityColumn("valid_until", "instant"),
        EntityColumn("price", "decimal"),
        EntityColumn("list_price", "decimal"),
    ),
)


class Ordered(msgspec.Struct):
    """An order with its only file: what the process that is measured is handed."""

    order: LoadOrder
    file: str
    listed: ManifestFile


def run() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        return [*_seconds(Path(name)), *_memory(Path(name) / "many")]


def _seconds(folder: Path) -> Iterator[dict[str, Any]]:
    rows = list(_rows(ROWS))
    changed = [*_rows(FEW, "9.99"), *rows[FEW:]]
    whole = _ordered(folder, "whole", rows, EntityState(1, ROWS, digest.digest_of_rows(PRICE, rows)))
    after = EntityState(2, ROWS, digest.digest_of_rows(PRICE, changed))
    few = _ordered(folder, "changes", changed[:FEW], after)
    bound = _bare(folder, rows)
    for what, ordered in (
        (f"{ROWS:,} rows, new", whole),
        (f"{ROWS:,} rows, unchanged", whole),
        (f"{FEW} rows of them", few),
    ):
        seconds = _applied(folder, ordered)["seconds"]
        yield _line(f"load at the till: {what}", seconds * 1000, "ms of processor", bound * 1000)


def _memory(folder: Path) -> Iterator[dict[str, Any]]:
    folder.mkdir()
    peaks = []
    for count in (1000, MANY):
        state = EntityState(count, count, digest.digest_of_rows(PRICE, _rows(count)))
        peaks.append(_applied(folder, _ordered(folder, "whole", _rows(count), state, count))["peak"])
    yield _line(f"load at the till: memory with {MANY:,} rows", peaks[1] / 1e6, "MB", peaks[0] / 1e6)


def _line(name: str, value: float, unit: str, bound: float) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "bound": bound, "ratio": value / bound}


def _rows(count: int, price: str = "12.50") -> Iterator[Row]:
    for number in range(count):
        yield (f"{number:07d}", "UN", "2026-01-01T00:00:00Z", None, price, "15.00")


def _ordered(folder: Path, mode: Any, rows: Iterable[Row], state: EntityState, count: int = 0) -> Ordered:
    path = folder / f"{mode}-{state.version}"
    header = Header(PRICE, mode, state.version, state.version - 1 if mode == "changes" else 0, count or len(list(rows)))
    with path.open("wb") as file:
        made = files.write(file, header, rows)
    listed = ManifestFile(made.sha256, made.bytes, "price", mode, header.rows, header.version, header.after)
    return Ordered(LoadOrder(state.version, {"price": state}), str(path), listed)


def _bare(folder: Path, rows: list[Row]) -> float:
    with closing(sqlite3.connect(folder / "bare.sqlite3")) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        columns = ", ".join(column.name for column in PRICE.columns)
        connection.execute(f"CREATE TABLE price ({columns}, PRIMARY KEY ({', '.join(PRICE.key)})) WITHOUT ROWID")
        began = time.process_time()
        connection.executemany("INSERT INTO price VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.commit()
        return time.process_time() - began


def _applied(folder: Path, ordered: Ordered) -> dict[str, float]:
    """In a process of its own, whose memory is measured."""
    words = [sys.executable, "-m", "bench.till_loads", str(folder)]
    told = subprocess.run(words, input=msgspec.json.encode(ordered), stdout=subprocess.PIPE, check=True).stdout
    found: dict[str, float] = json.loads(told)
    return found


def main(folder: Path) -> None:
    """Applies what standard input says; prints seconds of processor, and the peak of memory in bytes."""
    given = msgspec.json.decode(sys.stdin.buffer.read(), type=Ordered)
    began = time.process_time()
    with loads_database.opened(folder / loads_database.FILE) as connection:
        for _ in Applying(connection, given.order, 1, time.time(), DISK).run(
            [ReadyFile(Path(given.file), given.listed)]
        ):
            pass
    seconds = time.process_time() - began
    print(json.dumps({"seconds": seconds, "peak": _peak()}))


def _peak() -> int:
    """Bytes, of this program alone: what ``getrusage`` says counts the parent's from before as well. Linux only."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]))
