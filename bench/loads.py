"""Loads at the server: a full load, a change of a hundred prices, 50,000 dated prices, and files for a hundred tills.

Each stands beside its bound in the same run: copying the SQLite file that holds the same rows, and putting the rows
into it with a bare executemany. Processor time, since the machine may be busy with other work.

Also ``python -m bench.loads [products]``.
"""

import resource
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine

from malote.accounts.audit import Actor
from malote.config import LoadsSettings
from malote.database.engine import open_database, reading
from malote.database.migrations import migrate
from malote.erp.factory import open_erp
from malote.erp.profiles.load_sources import LoadSource
from malote.loads import declarations, entity_rows
from malote.loads.files_made import FilesMade, WantedFile
from malote.loads.staging import Staging, StagingReport

TILLS = 100
FEW = 100
DATED = 50_000
BENCH = Actor("bench")
SOURCES = {
    "product": LoadSource(
        {"code": "cod", "description": "descr", "ncm": "ncm"}, table="produto", changed="alt", overlap=0
    ),
    "package": LoadSource({"barcode": "ean", "product_code": "cod"}, table="embalagem", changed="alt", overlap=0),
    "price": LoadSource(
        {"product_code": "cod", "price": "preco", "valid_from": "de"}, table="preco", changed="alt", overlap=0
    ),
}
_TABLES = """
    CREATE TABLE produto (cod TEXT, descr TEXT, ncm TEXT, alt INTEGER);
    CREATE TABLE embalagem (ean TEXT PRIMARY KEY, cod TEXT, alt INTEGER);
    CREATE TABLE preco (cod TEXT, preco NUMERIC, de TEXT, alt INTEGER);
    CREATE INDEX preco_alt ON preco (alt);
    CREATE INDEX produto_alt ON produto (alt);
    CREATE INDEX embalagem_alt ON embalagem (alt);
    CREATE INDEX preco_cod ON preco (cod);
"""


class Figures(msgspec.Struct):
    """Seconds of processor time; the bounds are ``copied``, a copy of the file, and ``bare``, the rows put into it."""

    copied: float
    bare: float
    full: float
    same: float  # everything compared, nothing changed
    few: float  # a hundred changed prices
    few_files: float  # the file of these changes, for all tills
    dated: float  # 50,000 prices staged ahead
    files: float  # whole files, once for all tills
    peak_mb: int


class Place:
    def __init__(self, folder: Path, products: int) -> None:
        self.erp = sqlite3.connect(folder / "erp.sqlite3", isolation_level=None)
        self.erp.executescript(_TABLES)
        self.products = products
        codes = [f"{code:06d}" for code in range(products)]
        with self.erp:
            self.erp.execute("BEGIN")
            rows = [(code, f"Produto de mercado {code} 500 g", "22021000", int(code)) for code in codes]
            self.erp.executemany("INSERT INTO produto VALUES (?, ?, ?, ?)", rows)
            packages = [(f"7891{code:>09}", code, int(code)) for code in codes]
            self.erp.executemany("INSERT INTO embalagem VALUES (?, ?, ?)", packages)
            prices = [(code, int(code)) for code in codes]
            self.erp.executemany("INSERT INTO preco VALUES (?, 9.9, NULL, ?)", prices)
        self.engine: Engine = open_database(f"sqlite:///{folder / 'store.sqlite3'}")
        migrate(self.engine)
        settings = LoadsSettings(most_changed_percent=100.0)
        url = f"sqlite:///{folder / 'erp.sqlite3'}"
        self.staging = Staging(
            self.engine,
            settings,
            lambda: declarations.loaded(SOURCES, "bench"),
            lambda: open_erp(url, lock_timeout_seconds=5.0),
            UTC,
        )
        self.made = FilesMade(self.engine, folder / "cargas")

    def stage(self, **others: Any) -> StagingReport:
        return self.staging.run(BENCH, **others)

    def few(self) -> StagingReport:
        self.erp.execute(f"UPDATE preco SET preco = 8.8, alt = {10 * self.products} WHERE cod < '{FEW:06d}'")
        return self.stage()

    def dated(self) -> StagingReport:
        count = min(DATED, self.products)
        rows = [(f"{code:06d}", "2026-12-01T06:00:00", 20 * self.products) for code in range(count)]
        with self.erp:
            self.erp.execute("BEGIN")
            self.erp.executemany("INSERT INTO preco VALUES (?, 7.7, ?, ?)", rows)
        return self.stage()

    def files(self, after: int = 0) -> int:
        """As each till asks for them; their bytes, once."""
        size = 0
        for _ in range(TILLS):
            with reading(self.engine) as connection:
                version = entity_rows.newest_version(connection)
                states = entity_rows.states_at(connection, version)
            wanted = [
                WantedFile(entity_id, "changes" if after else "whole", state.version, after)
                for entity_id, state in states.values()
                if state.version > after
            ]
            size = sum(self.made.get(one).bytes for one in wanted)
        return size


def measure(products: int, folder: Path) -> Figures:
    place = Place(folder, products)
    full, _ = _timed(place.stage)
    files, _ = _timed(place.files)
    bare, _ = _timed(lambda: _bare(place, folder / "bare.sqlite3"))
    copied, _ = _timed(lambda: shutil.copyfile(folder / "bare.sqlite3", folder / "copy.sqlite3"))
    same, _ = _timed(lambda: place.stage(whole=True))
    few, report = _timed(place.few)
    assert [one.changed for one in report.entities] == [0, 0, FEW]
    few_files, _ = _timed(lambda: place.files(after=1))
    dated, report = _timed(place.dated)
    assert report.entities[2].new == min(DATED, products)
    place.engine.dispose()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return Figures(copied, bare, full, same, few, few_files, dated, files, peak)


def _bare(place: Place, file: Path) -> None:
    """The same rows into a table with the same key, and nothing else."""
    queries = (
        "SELECT cod, descr, ncm FROM produto",
        "SELECT ean, cod, '' FROM embalagem",
        "SELECT cod, preco, '' FROM preco",
    )
    with sqlite3.connect(file) as target:
        for number, query in enumerate(queries):
            target.execute(f"CREATE TABLE t{number} (a TEXT PRIMARY KEY, b TEXT, c TEXT)")
            target.executemany(f"INSERT INTO t{number} VALUES (?, ?, ?)", place.erp.execute(query))
    target.close()


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def run(products: int = 100_000) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        found = measure(products, Path(folder))
    few = min(DATED, products)
    return [
        _row(f"loads staged: {products:,} products, prices and barcodes", found.full, found.bare),
        _row("loads staged: all compared, nothing changed", found.same, found.bare),
        _row(f"loads staged: {FEW} changed prices", found.few, found.full),
        _row(f"loads staged: {few:,} prices dated ahead", found.dated, found.full),
        _row(f"loads staged: whole files for {TILLS} tills", found.files, found.copied * TILLS),
        _row(f"loads staged: the file of {FEW} prices for {TILLS} tills", found.few_files, found.files),
        {"name": "loads staged: most memory", "value": float(found.peak_mb), "unit": "MB"},
    ]


def _row(name: str, seconds: float, bound: float) -> dict[str, Any]:
    return {
        "name": name,
        "value": seconds * 1000,
        "unit": "ms of processor",
        "bound": bound * 1000,
        "ratio": seconds / bound,
    }


if __name__ == "__main__":
    for row in run(*map(int, sys.argv[1:])):
        ratio = f" {row['ratio']:.2f}" if "ratio" in row else ""
        print(f"{row['name']}: {row['value']:,.0f} {row['unit']}{ratio}")
