"""Troubles of the demo's ERP: on its PostgreSQL all of them; on an SQLite file only what a file can have."""

import shutil
import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from malote.demo import postgres
from malote.demo.locks import CULPRIT, PROGRAM
from malote.erp.tables import payment, posting_key, sale, sale_item, stock

_LOGIN_RULES = "# The demo's own.\nlocal all postgres scram-sha-256\nhost all postgres 127.0.0.1/32 scram-sha-256\n"
_BACK_DOOR = "demonstracao_dona"
_COLUMN = "freight"
_LOST = 3  # sales
_PREPARED = "fechamento-do-mes"
_PARTITION = """
CREATE OR REPLACE FUNCTION demo_no_partition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'no partition of relation "sale" found for row' USING ERRCODE = '23514'; END $$;
DROP TRIGGER IF EXISTS demo_no_partition ON sale;
CREATE TRIGGER demo_no_partition BEFORE INSERT ON sale FOR EACH ROW EXECUTE FUNCTION demo_no_partition();
"""


class ErpTroubles:
    """For one thread. Raises ``psycopg.Error``, ``sqlite3.Error``, ``OSError``."""

    def __init__(self, url: str, home: Path) -> None:
        self._address = make_url(url)
        self._home = home
        self._is_server = self._address.get_backend_name() == "postgresql"
        self._held: list[psycopg.Connection[tuple[object, ...]]] = []
        self._rules: str | None = None

    # ---- structure, and what is in it ----

    def drop_column(self) -> None:
        self._run(f"ALTER TABLE {sale.name} DROP COLUMN {_COLUMN}")

    def lose_newest(self) -> None:
        """As a copy of a moment ago lacks them: the newest sales with all that belongs to them."""
        newest = self._rows(f"SELECT access_key FROM {sale.name} ORDER BY number DESC LIMIT {_LOST}")  # noqa: S608
        for (key,) in newest:
            self._run(f"DELETE FROM {posting_key.name} WHERE identity LIKE '%{key}%'")  # noqa: S608
            for name in (sale_item.name, payment.name, sale.name):
                self._run(f"DELETE FROM {name} WHERE access_key = '{key}'")  # noqa: S608 a key that the ERP gave

    def refuse_all(self) -> None:
        self._run(_PARTITION)

    def take_again(self) -> None:
        self._run(f"DROP TRIGGER IF EXISTS demo_no_partition ON {sale.name}")

    # ---- there, or not ----

    def stop(self) -> None:
        self.release()
        if self._is_server:
            postgres.start(self._home / "erp", self._home / "run").stop()
        else:
            shutil.move(self._file, self._file.with_suffix(".fora"))

    def start(self) -> None:
        if self._is_server:
            postgres.start(self._home / "erp", self._home / "run")
        else:
            shutil.move(self._file.with_suffix(".fora"), self._file)

    def refuse_logins(self) -> None:
        """As after a change of the password: whoever is in is put out, and nobody gets in with what is set here."""
        self._run(
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{_BACK_DOOR}') THEN"
            f" CREATE ROLE {_BACK_DOOR} LOGIN SUPERUSER; END IF; END $$"
        )
        rules = self._home / "erp" / "pg_hba.conf"
        self._rules = rules.read_text(encoding="utf-8")
        _write(rules, _LOGIN_RULES + self._rules)
        with closing(self._connect(_BACK_DOOR)) as connection:
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'")
            connection.commit()

    def allow_logins(self) -> None:
        if self._rules is None:
            return
        _write(self._home / "erp" / "pg_hba.conf", self._rules)
        with closing(self._connect(_BACK_DOOR)) as connection:
            connection.execute("SELECT pg_reload_conf()")
            connection.commit()
        self._rules = None

    # ---- locks ----

    def hold(self) -> None:
        """Idle in its transaction."""
        self._held.append(self._locked())

    def work(self) -> None:
        """A routine that goes on for a long time with the table in its hands."""
        holder = self._locked()
        self._held.append(holder)
        _in_background(holder, "SELECT pg_sleep(3600)")

    def chain(self) -> None:
        """Five: each waits for the one before."""
        self._held.append(self._locked())
        for _ in range(4):
            waiting = self._connect(CULPRIT)
            self._held.append(waiting)
            _in_background(waiting, f"LOCK TABLE {stock.name} IN EXCLUSIVE MODE")

    def prepare_and_leave(self) -> None:
        """A distributed transaction whose second half never comes: nobody's session, and it outlives a restart."""
        if self._rows("SHOW max_prepared_transactions") == [("0",)]:
            self._allow_prepared()
        with closing(self._connect("postgres")) as connection:
            connection.execute(f"LOCK TABLE {stock.name} IN EXCLUSIVE MODE".encode())
            connection.execute(f"PREPARE TRANSACTION '{_PREPARED}'".encode())

    def roll_back_prepared(self) -> None:
        """As the DBA does it; nothing where somebody has done so."""
        with closing(self._connect("postgres")) as connection:
            connection.autocommit = True
            if connection.execute("SELECT 1 FROM pg_prepared_xacts WHERE gid = %s", (_PREPARED,)).fetchone():
                connection.execute(f"ROLLBACK PREPARED '{_PREPARED}'".encode())

    def _allow_prepared(self) -> None:
        """A restart: PostgreSQL allows none from the start."""
        with closing(self._connect("postgres")) as connection:
            connection.autocommit = True
            connection.execute("ALTER SYSTEM SET max_prepared_transactions = 5")
        self.stop()
        self.start()

    def release(self) -> None:
        for one in self._held:
            with suppress(psycopg.Error):
                one.cancel()
            with suppress(psycopg.Error):
                one.close()
        self._held.clear()

    def _locked(self) -> "psycopg.Connection[tuple[object, ...]]":
        connection = self._connect(CULPRIT)
        connection.execute(f"LOCK TABLE {stock.name} IN EXCLUSIVE MODE".encode())
        return connection

    # ---- ways in ----

    @property
    def _file(self) -> Path:
        return Path(str(self._address.database))

    def _connect(self, user: str) -> "psycopg.Connection[tuple[object, ...]]":
        url = self._address.set(drivername="postgresql", username=user).render_as_string(hide_password=False)
        return psycopg.connect(url, application_name=PROGRAM, connect_timeout=5)

    def _run(self, statement: str) -> None:
        if self._is_server:
            with closing(self._connect("postgres")) as connection:
                connection.execute(statement.encode())
                connection.commit()
            return
        with closing(sqlite3.connect(self._file, timeout=30)) as connection:
            connection.execute(statement)
            connection.commit()

    def _rows(self, statement: str) -> list[tuple[object, ...]]:
        if self._is_server:
            with closing(self._connect("postgres")) as connection:
                return connection.execute(statement.encode()).fetchall()
        with closing(sqlite3.connect(self._file, timeout=30)) as connection:
            return connection.execute(statement).fetchall()


def _write(rules: Path, content: str) -> None:
    """In place: as root, the file belongs to the user that the server runs as."""
    with rules.open("r+", encoding="utf-8", newline="\n") as file:
        file.write(content)
        file.truncate()


def _in_background(connection: "psycopg.Connection[tuple[object, ...]]", statement: str) -> None:
    def run() -> None:
        with suppress(psycopg.Error):  # it ends when somebody ends the session
            connection.execute(statement.encode())

    threading.Thread(target=run, daemon=True).start()
