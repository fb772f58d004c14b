"""Places of their own in a customer's database, one kind per engine: nothing else there is touched, and they are
removed whatever happens."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import msgspec
from sqlalchemy import Connection, Engine, Table, create_engine
from sqlalchemy.engine import URL

from malote.erp.address import parsed, secrets_of
from malote.erp.connecting import classified
from malote.erp.engine_loader import part_of
from malote.erp.factory import open_erp
from malote.erp.mapping import ErpTables
from malote.erp.profiles.post import silent
from malote.erp.profiles.profile import PARTS, Profile
from malote.erp.protocol import Erp

SCHEMA_PREFIX = "malote_verify_"
UNSEEN_SECONDS = 2.0  # for another session to come as far as the lock
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
    scratch: Scratch = part_of(parsed(url).get_backend_name(), "scratch").SCRATCH(url, profile)
    return scratch


class ServerScratch:
    """What servers have in common: to be derived from."""

    engine: str
    tables: ErpTables
    deadlocks = True
    _arguments: Mapping[str, str] = {}

    def __init__(self, url: str, driver: str) -> None:
        self.url = url
        self._address: URL = parsed(url).set(drivername=driver)
        self._secrets = secrets_of(self._address)

    def open(self, *, lock_seconds: float = LOCK_SECONDS, statement_seconds: float = 60.0) -> Erp:
        return opened(self.url, self.tables, lock_seconds, statement_seconds)

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


def alone(profile: Profile) -> Profile:
    """Without what only the ERP itself can answer: its sequences, and the records that it is asked for."""
    queries = {name: msgspec.structs.replace(query, sql="select 1") for name, query in profile.query.items()}
    own = {
        part: msgspec.structs.replace(mapped, sequence="")
        for part in PARTS
        if (mapped := profile.part(part)) is not None and mapped.sequence
    }
    return msgspec.structs.replace(profile, query=queries, **own)


def create(scratch: Scratch) -> None:
    """Every table of its profile."""
    erp = scratch.open()
    try:
        erp.create_structure(everything=True)
    finally:
        erp.close()


def opened(url: str, tables: ErpTables, lock_seconds: float, statement_seconds: float) -> Erp:
    """Malote's own way to tables in a place of their own."""
    return open_erp(
        url,
        lock_timeout_seconds=lock_seconds,
        statement_timeout_seconds=statement_seconds,
        tables=tables,
    )
