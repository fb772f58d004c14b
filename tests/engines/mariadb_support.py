"""One real MariaDB for a whole test session, where Debian's ``mariadb-server`` or its like is installed, and a fresh
database in it for every test that asks; with an ERP in it (``erps/mercadinho.sql``) that has a procedure."""

import atexit
import getpass
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pymysql
import pytest
from sqlalchemy import make_url

from malote.erp.factory import open_erp
from malote.erp.mapping import ErpTables
from malote.erp.profiles.profile import load
from malote.erp.protocol import Erp
from malote.fiscal.documents import Sale

FOLDER = Path(__file__).parent / "erps"
PROFILE = FOLDER / "mercadinho.toml"
_SECONDS = 120.0  # until a server on a busy machine is there
_numbers = itertools.count(1)


def fresh_mariadb_url() -> str:
    """The address of an empty database (``mariadb://…``). Skips the test where no MariaDB is installed."""
    name = f"malote_test_{os.getpid()}_{next(_numbers)}"
    url = f"mariadb://root@127.0.0.1:{_server()}/{name}"
    with connected(url, database=None) as connection:
        connection.cursor().execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    return url


def connected(url: str, **changes: Any) -> Any:
    """As somebody else would look at it; each statement by itself."""
    address = make_url(url)
    given = {"database": address.database, "autocommit": True, **changes}
    return pymysql.connect(host=address.host, port=address.port or 3306, user="root", charset="utf8mb4", **given)


def run(url: str, *statements: str) -> None:
    with connected(url) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def ask(url: str, statement: str) -> list[tuple[Any, ...]]:
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def create_mercadinho(url: str, sold: Iterable[Sale]) -> None:
    """The ERP with the products of these sales."""
    script = (FOLDER / "mercadinho.sql").read_text(encoding="utf-8")
    body = script.removeprefix("DELIMITER //").strip().removesuffix("DELIMITER ;")
    run(url, *(one for one in body.split("//") if one.strip()))
    codes = sorted({item.product_code for sale in sold for item in sale.items})
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO produto (codigo) VALUES (%s)", [(code,) for code in codes])


def open_mercadinho(
    url: str, profile: Path = PROFILE, *, lock_timeout_seconds: float = 5, statement_timeout_seconds: float = 30
) -> Erp:
    erp = open_erp(
        url,
        lock_timeout_seconds=lock_timeout_seconds,
        statement_timeout_seconds=statement_timeout_seconds,
        tables=ErpTables(load(str(profile))),
    )
    erp.create_structure()
    return erp


@cache
def _server() -> int:
    """Its port. Stopped with the process; works as root and not."""
    server, maker = shutil.which("mariadbd", path=_path()), shutil.which("mariadb-install-db", path=_path())
    if server is None or maker is None:
        pytest.skip("no mariadbd is installed here: tests on a real MariaDB are left out")
    folder = Path(tempfile.mkdtemp(prefix="malote-mariadb-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # The tests kill clients, never the server: nothing here outlives it.
    common = ["--no-defaults", f"--user={getpass.getuser()}", f"--datadir={folder / 'data'}"]
    quick = ["--innodb-flush-method=nosync", "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M"]
    made = [maker, *common, *quick, "--skip-test-db", "--auth-root-authentication-method=normal"]
    subprocess.run(made, check=True, capture_output=True, timeout=_SECONDS)
    port = _free_port()
    running = _started([server, *common, *quick, *_listening(folder, port)], folder)
    atexit.register(_stop, running)
    _await(port, running, folder)
    return port


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])


def _listening(folder: Path, port: int) -> list[str]:
    return [
        *(f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}", f"--port={port}"),
        *("--bind-address=127.0.0.1", "--performance-schema=off", "--innodb-flush-log-at-trx-commit=2"),
    ]


def _started(command: Sequence[str], folder: Path) -> "subprocess.Popen[bytes]":
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def _await(port: int, running: "subprocess.Popen[bytes]", folder: Path) -> None:
    until = time.monotonic() + _SECONDS
    while True:
        try:
            pymysql.connect(host="127.0.0.1", port=port, user="root").close()
        except pymysql.OperationalError:
            ended = running.poll() is not None
            if ended or time.monotonic() > until:
                raise RuntimeError((folder / "log").read_text(errors="replace")[-2000:]) from None
            time.sleep(0.1)
        else:
            return


def _stop(running: "subprocess.Popen[bytes]") -> None:
    running.terminate()
    running.wait(_SECONDS)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
