"""What a user would pick instead: sling, moving the same sales as bare tables from SQLite to PostgreSQL.

It reads no document, checks nothing, forgets what it moved: the floor of what a sale costs to move, by its processor
time and PostgreSQL's. Its program comes from the package ``sling-linux-amd64`` (or stands in the PATH); where it is
absent, that is said and nothing is measured. It is no dependency.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import psutil
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

_TABLES = ("sale", "sale_item", "payment")
_TYPES = {bool: "BOOLEAN", int: "INTEGER", float: "REAL"}
_PATIENCE_SECONDS = 600


def program() -> Path | None:
    """Where sling is, if it is anywhere."""
    spec = find_spec("sling_linux_amd64")
    if spec is not None and spec.origin is not None:
        binary = Path(spec.origin).parent / "bin" / "sling-linux-amd64"
        return binary if os.access(binary, os.X_OK) else None
    found = shutil.which("sling")
    return Path(found) if found else None


def microseconds_per_sale(url: str, postgres: Path, sales: int) -> float | None:
    """Processor time for a sale, of sling and PostgreSQL together; None where there is no sling.

    The sales are those that ``url`` holds: they are copied into an SQLite file first, which isn't counted.
    """
    binary = program()
    if binary is None:
        sys.stderr.write("sling: not installed here (package sling-linux-amd64); nothing to compare with\n")
        return None
    with tempfile.TemporaryDirectory(prefix="malote-sling-") as folder:
        source = Path(folder) / "source.sqlite3"
        _copy(url, source)
        environment = os.environ | {"SOURCE": f"sqlite://{source}", "TARGET": _address(url)}
        environment |= {"SLING_HOME_DIR": folder, "SLING_DISABLE_TELEMETRY": "true"}
        before = _postgres_seconds(postgres)
        used = _move(binary, Path(folder), environment)
        used += _postgres_seconds(postgres) - before
        _count(url, sales)
    return 1e6 * used / sales


def _count(url: str, sales: int) -> None:
    """That it did move them."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with engine.connect() as connection:
        moved = connection.exec_driver_sql("SELECT count(*) FROM sling_sale").scalar_one()
    engine.dispose()
    if moved != sales:
        raise RuntimeError(f"sling moved {moved} of {sales} sales")


def _copy(url: str, target: Path) -> None:
    """The tables as they are, into SQLite."""
    source = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with source.connect() as reading, closing(sqlite3.connect(target)) as writing, writing:
        for name in _TABLES:
            found = reading.exec_driver_sql(f"SELECT * FROM {name}")
            columns = list(found.keys())
            rows = [tuple(_plain(value) for value in row) for row in found]
            types = [_TYPES.get(type(value), "TEXT") for value in rows[0]]
            described = ", ".join(f'"{column}" {kind}' for column, kind in zip(columns, types, strict=True))
            writing.execute(f"CREATE TABLE {name} ({described})")
            places = ", ".join("?" * len(columns))
            writing.executemany(f"INSERT INTO {name} VALUES ({places})", rows)
    source.dispose()


def _plain(value: object) -> object:
    match value:
        case Decimal():
            return float(value)
        case datetime():
            return value.isoformat(" ")
    return value


def _move(binary: Path, folder: Path, environment: dict[str, str]) -> float:
    """Seconds of processor time that moving the tables takes, in one run."""
    plan = {
        "source": "SOURCE",
        "target": "TARGET",
        "defaults": {"mode": "full-refresh", "object": "public.sling_{stream_table}"},
        "streams": {table: {} for table in _TABLES},
    }
    path = folder / "replication.json"
    path.write_text(json.dumps(plan), encoding="utf-8")
    before = os.times()
    ended = subprocess.run(
        [binary, "run", "-r", path], env=environment, capture_output=True, timeout=_PATIENCE_SECONDS, check=False
    )
    if ended.returncode:
        raise RuntimeError((ended.stdout + ended.stderr).decode(errors="replace")[-2000:])
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def _postgres_seconds(postgres: Path) -> float:
    """Of all its processes that still run; what ended is in the postmaster's account of its children."""
    postmaster = psutil.Process(int((postgres / "postmaster.pid").read_text().split()[0]))
    times = postmaster.cpu_times()
    own = times.user + times.system + times.children_user + times.children_system
    return float(own + sum(sum(child.cpu_times()[:2]) for child in postmaster.children()))


def _address(url: str) -> str:
    """The same for sling."""
    address = make_url(url).set(drivername="postgresql").update_query_dict({"sslmode": "disable"})
    return address.render_as_string(hide_password=False)
