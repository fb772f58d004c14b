"""A PostgreSQL of its own with passwords and prepared transactions, and people who hold locks in it."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

from malote.config import LocksSettings
from malote.demo import postgres
from malote.erp.factory import open_erp
from malote.erp.sessions.protocol import DbaLogin
from malote.locks.lock_reports import Node, Tree
from malote.locks.lock_service import Locks

DBA = DbaLogin("dba", "segredo-do-dba")
WEAK = DbaLogin("fraco", "segredo-fraco")
SETTINGS = LocksSettings(grace_seconds=0.3)

_ROLES = f"""
CREATE ROLE dba LOGIN PASSWORD '{DBA.reveal()}' IN ROLE pg_read_all_stats, pg_signal_backend;
CREATE ROLE fraco LOGIN PASSWORD '{WEAK.reveal()}';
CREATE ROLE malote LOGIN;
CREATE ROLE gerente LOGIN;
"""
_HBA = "local all dba scram-sha-256\nlocal all fraco scram-sha-256\n"


class Server:
    """The server of a test session's lock tests; each test takes a database of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        started = self._start()
        with psycopg.connect(started.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET max_prepared_transactions = 5")
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute(_ROLES.encode())
        started.stop()
        hba = started.folder / "pg_hba.conf"
        # In place, since the file is somebody else's where the tests run as root.
        before = hba.read_text(encoding="utf-8")
        with hba.open("r+", encoding="utf-8") as file:
            file.write(_HBA + before)
        self._server = self._start()
        self._numbers = iter(range(10**6))

    def database(self) -> str:
        """The address of a new ERP database, for the posting user."""
        name = f"erp{next(self._numbers)}"
        with psycopg.connect(self._server.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER malote".encode())
        url = self.address(name, "malote")
        erp = open_erp(url, lock_timeout_seconds=5)
        erp.create_structure()
        erp.close()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO gerente")
        return url

    def address(self, database: str, user: str) -> str:
        return make_url(self._server.url).set(database=database, username=user).render_as_string(hide_password=False)

    def stop(self) -> None:
        self._server.stop()

    def _start(self) -> postgres.Postgres:
        return postgres.start(self._folder / "data", self._folder / "run")


@contextmanager
def lock_server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="malote-postgresql-", ignore_cleanup_errors=True) as folder:
        server = Server(Path(folder))
        try:
            yield server
        finally:
            server.stop()


class Person:
    """Somebody with a session in the ERP. What waits, waits in a thread."""

    def __init__(self, url: str, program: str, user: str = "gerente") -> None:
        address = make_url(url).set(username=user).render_as_string(hide_password=False)
        self.connection: psycopg.Connection[Any] = psycopg.connect(address, application_name=program)
        self._threads = ThreadPoolExecutor(1)

    @property
    def key(self) -> str:
        return str(self.connection.info.backend_pid)

    def does(self, *statements: str) -> None:
        """In a transaction that stays open."""
        for statement in statements:
            self.connection.execute(statement.encode())

    def tries(self, statement: str) -> "Future[str]":
        """The same where it has to wait; what came of it is "done" or the error's SQLSTATE."""
        return self._threads.submit(self._try, statement)

    def close(self) -> None:
        self.connection.cancel_safe(timeout=5) if not self.connection.closed else None
        self._threads.shutdown()
        self.connection.close()

    def _try(self, statement: str) -> str:
        try:
            self.connection.execute(statement.encode())
        except psycopg.Error as error:
            return error.sqlstate or "cut"
        return "done"


class People:
    """Everybody who has a session in one database."""

    def __init__(self, url: str, stack: ExitStack) -> None:
        self.url = url
        self._stack = stack

    def person(self, program: str, user: str = "gerente") -> Person:
        person = Person(self.url, program, user)
        self._stack.callback(person.close)
        return person

    def holding(self, statement: str, program: str = "retaguarda") -> Person:
        person = self.person(program)
        person.does(statement)
        return person

    def run(self, *statements: str, user: str = "malote") -> None:
        """As the owner, say, each committed at once."""
        url = make_url(self.url).set(username=user).render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True, application_name="dono") as connection:
            for statement in statements:
                connection.execute(statement.encode())


def by_program(tree: Tree) -> dict[str, Node]:
    return {node.session.program: node for node in tree.nodes}


def tree_when(locks: Locks, condition: Callable[[Tree], bool], login: DbaLogin = DBA, seconds: float = 300) -> Tree:
    """The tree as soon as the condition holds."""
    end = time.monotonic() + seconds
    while not condition(tree := locks.tree_as(login)):
        assert time.monotonic() < end, [(n.session, n.depth) for n in tree.nodes]
        time.sleep(0.03)
    return tree


def waiting_programs(count: int) -> Callable[[Tree], bool]:
    return lambda tree: sum(bool(node.session.blocked_by) for node in tree.nodes) >= count


def alive_threads(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())
