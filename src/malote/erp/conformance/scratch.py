"""Places of their own in a customer's database, one kind per engine: nothing else there is touched, and they are
removed whatever happens."""

import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import msgspec
from sqlalchemy import Connection, Engine, Table, create_engine, event, text
from sqlalchemy.engine import URL

from malote.erp.address import CHARACTERS, parsed, secrets_of
from malote.erp.connecting import classified
from malote.erp.engines import open_erp
from malote.erp.mapping import ErpTables
from malote.erp.profiles.post import silent
from malote.erp.profiles.profile import PARTS, Profile
from malote.erp.protocol import Erp

SCHEMA_PREFIX = "malote_verify_"
_UNSEEN_SECONDS = 2.0  # for another session to come as far as the lock
_DROP = """BEGIN EXECUTE IMMEDIATE 'DROP TABLE {table} CASCADE CONSTRAINTS PURGE';
EXCEPTION WHEN OTHERS THEN IF SQLCODE <> -942 THEN RAISE; END IF; END;"""
LOCK_SECONDS = 5.0


class Scratch(Protocol):
    """One such place. Methods raise ``ErpError``."""

    engine: str
    tables: ErpTables
    deadlocks: bool  # whether the engine has sessions that can lock each other out
    url: str

    def create(self) -> None:
        """Empty tables of the profile, whatever was there before."""
        ...

    def remove(self) -> None:
        """Everything that ``create`` made. Quiet where it is gone."""
        ...

    def open(self, *, lock_seconds: float = LOCK_SECONDS, statement_seconds: float = 60.0) -> Erp:
        """Malote's own way into it."""
        ...

    def somebody(self) -> Engine:
        """Another program's way into it."""
        ...

    def refuse(self, table: str, column: str, value: str, name: str) -> str:
        """SQL for a rule of the ERP's own, called ``name``, against one value. Names come quoted."""
        ...

    def hold(self, connection: Connection, table: Table) -> None:
        """Locks every row of the table, within the connection's transaction."""
        ...

    def holds_up(self, connection: Connection) -> bool:
        """Whether another session waits for the connection's transaction by now."""
        ...

    def session_of(self, connection: Connection) -> str | None:
        """What the engine calls the connection's session, where it has sessions and tells."""
        ...


def scratch_at(url: str, profile: Profile) -> Scratch:
    """Raises ``ErpError`` for an address that no engine understands, and ``ProfileError``.

    Of an ERP's own statements nothing is called: they would write where the customer's sales are.
    """
    if profile.post is not None:
        profile = msgspec.structs.replace(profile, post=silent(profile.post))
    kind = parsed(url).get_backend_name()
    if kind == "sqlite":
        return SqliteScratch(profile)
    open_erp(url, lock_timeout_seconds=1).close()  # says what is wrong with the address
    if kind in ("mariadb", "mysql"):
        return MariadbScratch(url, profile)
    return OracleScratch(url, profile) if kind == "oracle" else PostgresqlScratch(url, profile)


class SqliteScratch:
    """A file of its own, beside nothing: the customer's is not even opened."""

    engine = "sqlite"
    deadlocks = False

    def __init__(self, profile: Profile) -> None:
        self.tables = ErpTables(profile)
        self._folder = Path(tempfile.mkdtemp(prefix=SCHEMA_PREFIX))
        self.url = f"sqlite:///{(self._folder / 'erp.sqlite3').as_posix()}"

    def create(self) -> None:
        for file in self._folder.iterdir():
            file.unlink()
        _create(self)

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def open(self, *, lock_seconds: float = LOCK_SECONDS, statement_seconds: float = 60.0) -> Erp:
        return _opened(self.url, self.tables, lock_seconds, statement_seconds)

    def somebody(self) -> Engine:
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        event.listen(engine, "commit", lambda connection: connection.exec_driver_sql("COMMIT"))
        event.listen(engine, "rollback", lambda connection: connection.exec_driver_sql("ROLLBACK"))
        return engine

    def refuse(self, table: str, column: str, value: str, name: str) -> str:
        return (
            f"CREATE TRIGGER {name} BEFORE INSERT ON {table} WHEN NEW.{column} = '{value}'"
            f" BEGIN SELECT RAISE(ABORT, '{name}'); END"
        )

    def hold(self, connection: Connection, table: Table) -> None:
        """The transaction holds the whole file already."""

    def holds_up(self, connection: Connection) -> bool:
        return False

    def session_of(self, connection: Connection) -> str | None:
        return None


class _ServerScratch:
    """What servers have in common."""

    engine: str
    tables: ErpTables
    deadlocks = True
    _arguments: Mapping[str, str] = {}

    def __init__(self, url: str, driver: str) -> None:
        self.url = url
        self._address: URL = parsed(url).set(drivername=driver)
        self._secrets = secrets_of(self._address)

    def open(self, *, lock_seconds: float = LOCK_SECONDS, statement_seconds: float = 60.0) -> Erp:
        return _opened(self.url, self.tables, lock_seconds, statement_seconds)

    def somebody(self) -> Engine:
        return create_engine(self._address, pool_size=2, hide_parameters=True, connect_args=self._arguments)

    def refuse(self, table: str, column: str, value: str, name: str) -> str:
        return f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({column} <> '{value}')"

    def hold(self, connection: Connection, table: Table) -> None:
        connection.execute(table.select().with_for_update()).all()

    @contextmanager
    def _told(self, what: str) -> Iterator[Connection]:
        engine = self.somebody()
        try:
            with classified(what, self._secrets), engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()


class PostgresqlScratch(_ServerScratch):
    """A schema of its own, under a name that nobody else has."""

    engine = "postgresql"
    _arguments = CHARACTERS

    def __init__(self, url: str, profile: Profile) -> None:
        super().__init__(url, "postgresql+psycopg")
        self._schema = SCHEMA_PREFIX + secrets.token_hex(6)
        self.tables = ErpTables(_alone(profile), schema=self._schema)

    def create(self) -> None:
        self.remove()
        with self._told(f"CREATE SCHEMA {self._schema}") as connection:
            connection.execute(text(f"CREATE SCHEMA {self._schema}"))
        _create(self)

    def remove(self) -> None:
        with self._told(f"DROP SCHEMA {self._schema}") as connection:
            connection.execute(text(f"DROP SCHEMA IF EXISTS {self._schema} CASCADE"))

    def holds_up(self, connection: Connection) -> bool:
        waiting = text("SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")
        return bool(connection.scalar(waiting))

    def session_of(self, connection: Connection) -> str | None:
        return str(connection.scalar(text("SELECT pg_backend_pid()")))


class MariadbScratch(_ServerScratch):
    """A database of its own, which is what a schema is there."""

    engine = "mariadb"

    def __init__(self, url: str, profile: Profile) -> None:
        super().__init__(url, "mysql+pymysql")
        self._database = SCHEMA_PREFIX + secrets.token_hex(6)
        self.tables = ErpTables(_alone(profile), schema=self._database)

    def create(self) -> None:
        self.remove()
        with self._told(f"CREATE DATABASE {self._database}") as connection:
            connection.execute(text(f"CREATE DATABASE {self._database}"))
        _create(self)

    def remove(self) -> None:
        with self._told(f"DROP DATABASE {self._database}") as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {self._database}"))

    def holds_up(self, connection: Connection) -> bool:
        time.sleep(_UNSEEN_SECONDS)  # only who has PROCESS may look
        return True

    def session_of(self, connection: Connection) -> str | None:
        return str(connection.scalar(text("SELECT connection_id()")))


class OracleScratch(_ServerScratch):
    """Tables in the user's own schema, since an Oracle user can't make another one; under a prefix nobody else has."""

    engine = "oracle"

    def __init__(self, url: str, profile: Profile) -> None:
        super().__init__(url, "oracle+oracledb")
        self.tables = ErpTables(msgspec.structs.replace(profile, schema=""), prefix=f"mlt{secrets.token_hex(3)}_")

    def create(self) -> None:
        self.remove()
        _create(self)

    def remove(self) -> None:
        for table in self.tables.metadata.sorted_tables:
            with self._told(f"DROP TABLE {table.name}") as connection:
                connection.execute(text(_DROP.format(table=table.name)))

    def holds_up(self, connection: Connection) -> bool:
        time.sleep(_UNSEEN_SECONDS)  # only a DBA may look
        return True

    def session_of(self, connection: Connection) -> str | None:
        return None


def _alone(profile: Profile) -> Profile:
    """Without what only the ERP itself can answer: its sequences, and the records that it is asked for."""
    queries = {name: msgspec.structs.replace(query, sql="select 1") for name, query in profile.query.items()}
    own = {
        part: msgspec.structs.replace(mapped, sequence="")
        for part in PARTS
        if (mapped := profile.part(part)) is not None and mapped.sequence
    }
    return msgspec.structs.replace(profile, query=queries, **own)


def _create(scratch: Scratch) -> None:
    erp = scratch.open()
    try:
        erp.create_structure(everything=True)
    finally:
        erp.close()


def _opened(url: str, tables: ErpTables, lock_seconds: float, statement_seconds: float) -> Erp:
    return open_erp(
        url,
        lock_timeout_seconds=lock_seconds,
        statement_timeout_seconds=statement_seconds,
        tables=tables,
    )
