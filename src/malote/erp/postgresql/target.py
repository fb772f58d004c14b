"""Structures on PostgreSQL. Statements run one by one beside the sales, and never keep them waiting for long.

An ALTER TABLE that waits for its lock makes everybody queue behind it who comes later. So: while somebody holds the
table for longer than a moment, it isn't even tried; a try stands in the queue for ``Patience.lock`` at most, then steps
aside and comes back after a pause. Indexes are made CONCURRENTLY, which waits too, but with nobody behind it.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import URL, Connection, create_engine, exc, text
from sqlalchemy.pool import NullPool

from malote.backoff import pause
from malote.erp.altering import AlteringPlace, AlteringSession, Declared, Patience, Waiting, told_apart
from malote.erp.grants import Use
from malote.erp.postgresql.dialect import CHARACTERS
from malote.erp.postgresql.own_session import own_session
from malote.erp.postgresql.place import settle
from malote.erp.postgresql.schema import POSTGRESQL
from malote.schema.definition import Scope, StructureError
from malote.schema.dialects import Dialect, quoted
from malote.schema.found_tables import IDENTITY, Found, FoundColumn, FoundKey, FoundTable, Probe
from malote.schema.structure_reports import StructureStep

_LOCK_NUMBER = 0x4D414C53  # "MALS": one operator at a time
_LOOK_SECONDS = 0.5  # between looks while somebody else holds the table, or is at it
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0
_MOST_DUPLICATES = 20
_AGAIN = ("55P03", "40P01")  # the lock didn't come in time; a deadlock

_TABLES = text(
    """
    SELECT c.oid, wanted.name, c.relkind IN ('r', 'p') AS is_table, pg_has_role(c.relowner, 'USAGE') AS ours,
        CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint ELSE pg_relation_size(c.oid) / 100 END AS rows
    FROM unnest(CAST(:names AS text[])) AS wanted (name)
        JOIN pg_class c ON c.oid = to_regclass(quote_ident(wanted.name))
    """
)
_COLUMNS = text(
    """
    SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS nullable,
        CASE WHEN a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%' THEN :identity
            ELSE pg_get_expr(d.adbin, d.adrelid) END AS default
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = :oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
    """
)
_KEYS = text(
    """
    SELECT c.relname, i.indisunique, i.indisprimary, i.indisvalid, pg_get_expr(i.indpred, i.indrelid) AS condition,
        (SELECT array_agg(a.attname ORDER BY k.place) FROM unnest(i.indkey) WITH ORDINALITY AS k (number, place)
            LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number AND k.number > 0
            WHERE k.place <= i.indnkeyatts) AS columns
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = :oid ORDER BY c.relname
    """
)
# A privilege on a whole table is one on each column.
_MAY = text(
    """
    SELECT has_table_privilege(CAST(:user AS name), CAST(:oid AS oid), :verb) OR (:columns <> '{}' AND NOT EXISTS (
        SELECT FROM unnest(CAST(:columns AS text[])) AS one (name) JOIN pg_attribute a
            ON a.attrelid = CAST(:oid AS oid) AND a.attname = one.name
        WHERE NOT has_column_privilege(CAST(:user AS name), CAST(:oid AS oid), a.attnum, :verb)))
    """
)
# Who holds the table since before the moment that an ALTER may wait; or nobody knows since when, as the times of other
# users' sessions are hidden from us unless the DBA lets us see them.
_HOLDERS = text(
    """
    SELECT l.pid, l.virtualtransaction, a.usename, a.application_name, a.xact_start
    FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'relation' AND l.relation = to_regclass(quote_ident(:name)) AND l.granted
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND l.pid <> pg_backend_pid()
        AND (a.xact_start IS NULL OR a.xact_start < clock_timestamp() - make_interval(secs => :seconds))
    ORDER BY a.xact_start NULLS LAST
    """
)


class PostgresqlTarget:
    """See ``altering.Target``."""

    dialect: Dialect = POSTGRESQL
    atomic = False

    def __init__(self, url: URL, scope: Scope, patience: Patience, place: AlteringPlace) -> None:
        self._place = place
        self._scope: Scope = scope
        self._patience = patience
        self._engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            isolation_level="AUTOCOMMIT",
            connect_args={
                **CHARACTERS,
                "connect_timeout": 5,
                "application_name": "malote structures",
                "prepare_threshold": None,
            },
            poolclass=NullPool,
        )

    @contextmanager
    def looking(self) -> Iterator[AlteringSession]:
        with told_apart(self._scope), self._engine.connect() as connection, self._known(connection):
            yield self._session(connection)

    @contextmanager
    def alone(self, waiting: Waiting) -> Iterator[AlteringSession]:
        with told_apart(self._scope), self._engine.connect() as connection, self._known(connection):
            # Tried again and again: one that waits inside the server would hold up the other's indexes.
            while not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK_NUMBER}):
                waiting(_other_operator(connection))
                time.sleep(_LOOK_SECONDS)
            # The lock goes with the connection, however that ends.
            yield self._session(connection)

    @contextmanager
    def _known(self, connection: Connection) -> Iterator[None]:
        """Nobody ends the session while it lasts: what it was doing would only come again."""
        presence = self._place.presence
        if presence is None:
            yield
            return
        presence.at(*own_session(connection))
        try:
            yield
        finally:
            presence.close()

    def _session(self, connection: Connection) -> "PostgresqlSession":
        place = self._place
        if place.ledger and not place.schema:
            driver: Any = connection.connection.driver_connection
            settle(driver, place.ledger, remembered=place.remembered, user=place.posting_user)
        if place.schema:
            connection.exec_driver_sql(f"SET search_path TO {quoted(place.schema)}")
        user = place.posting_user or str(connection.scalar(text("SELECT current_user")))
        return PostgresqlSession(connection, self._scope, self._patience, user)


class PostgresqlSession:
    """See ``altering.Session``."""

    def __init__(self, connection: Connection, scope: Scope, patience: Patience, posting_user: str) -> None:
        self._connection = connection
        self._scope: Scope = scope
        self._patience = patience
        self._posting_user = posting_user

    @property
    def probe(self) -> Probe:
        return _Probe(self._connection)

    def look(self, wanted: Declared) -> Found:
        names = [table.name for table in wanted.structure.tables]
        found: Found = {}
        for row in self._connection.execute(_TABLES, {"names": names}).all():
            found[row.name] = self._table(row, [use for use in wanted.uses if use.table == row.name])
        return found

    def carry_out(self, step: StructureStep, waiting: Waiting) -> int:
        if step.concurrent:
            return self._beside(step)
        return self._between(step, waiting)

    # ---- looking ----

    def _table(self, row: Any, needs: Sequence[Use]) -> FoundTable:
        oid = {"oid": row.oid}
        columns = {
            one.attname: FoundColumn(one.attname, one.type, one.nullable, one.default)
            for one in self._connection.execute(_COLUMNS, {**oid, "identity": IDENTITY})
        }
        keys = tuple(_key(one) for one in self._connection.execute(_KEYS, oid))
        lacking = tuple(_said(use) for use in needs if not self._may(use, row.oid))
        return FoundTable(
            row.name, columns, keys, row.rows, lacking, alterable=row.ours and row.is_table, is_table=row.is_table
        )

    def _may(self, use: Use, oid: int) -> bool:
        asked = {"user": self._posting_user, "oid": oid, "verb": use.verb, "columns": list(use.columns)}
        return bool(self._connection.scalar(_MAY, asked))

    # ---- acting ----

    def _between(self, step: StructureStep, waiting: Waiting) -> int:
        """Between others' transactions: tries for a moment, steps aside, comes back."""
        deadline = time.monotonic() + self._patience.whole
        attempts = rounds = 0
        while True:
            holder = self._holder(step.table)
            if not holder:
                attempts += 1
                if self._try(step):
                    return attempts
            waiting(holder)
            if time.monotonic() >= deadline:
                raise StructureError("structure_locked", object=step.table, holder=holder or "?")
            # With chance in it, so that it doesn't meet the same busy moment each time.
            time.sleep(_LOOK_SECONDS if holder else pause(rounds, _FIRST_PAUSE, _LONGEST_PAUSE))
            rounds += 1

    def _try(self, step: StructureStep) -> bool:
        self._limit(lock=self._patience.lock, statement=0)
        try:
            self._connection.exec_driver_sql(step.sql)
        except exc.DBAPIError as error:
            if isinstance(error.orig, psycopg.Error) and error.orig.sqlstate in _AGAIN:
                return False
            with told_apart(self._scope, step.table):
                raise
        return True

    def _beside(self, step: StructureStep) -> int:
        """Nobody queues behind it, so that it may wait; what a failure leaves behind is taken away."""
        self._limit(lock=0, statement=self._patience.index)
        try:
            with told_apart(self._scope, step.table):
                self._connection.exec_driver_sql(step.sql)
        except StructureError:
            self._clear(step)
            raise
        return 1

    def _clear(self, step: StructureStep) -> None:
        """An invalid index costs every sale work and answers nothing. If this fails, the next plan has it."""
        if not step.sql.startswith("CREATE"):
            return
        try:
            self._limit(lock=self._patience.lock, statement=self._patience.index)
            for name in step.adds:
                self._connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {quoted(name)}")
        except exc.SQLAlchemyError:
            return

    def _holder(self, table: str) -> str:
        """Who holds the table for longer than a moment, in words."""
        rows = self._holders(table)
        if rows and rows[0].xact_start is None:
            # A transaction whose beginning is hidden is a long one if it is still there a moment later.
            before = {row.virtualtransaction for row in rows}
            time.sleep(self._patience.lock)
            rows = [row for row in self._holders(table) if row.virtualtransaction in before]
        return _who(rows[0]) if rows else ""

    def _holders(self, table: str) -> Sequence[Any]:
        return self._connection.execute(_HOLDERS, {"name": table, "seconds": self._patience.lock}).all()

    def _limit(self, *, lock: float, statement: float) -> None:
        """Zero means without limit, as it does there."""
        for name, seconds in (("lock_timeout", lock), ("statement_timeout", statement)):
            self._connection.exec_driver_sql(f"SET {name} = {round(seconds * 1000)}")


class _Probe:
    """See ``found.Probe``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def is_empty(self, table: str) -> bool:
        query = f"SELECT 1 FROM {quoted(table)} LIMIT 1"  # noqa: S608 - quoted, and of a checked structure
        return self._connection.exec_driver_sql(query).first() is None

    def duplicates(self, table: str, columns: Sequence[str]) -> list[str]:
        names = ", ".join(quoted(name) for name in columns)
        query = (
            f"SELECT {names} FROM {quoted(table)} GROUP BY {names}"  # noqa: S608 - as above
            f" HAVING count(*) > 1 ORDER BY {names} LIMIT {_MOST_DUPLICATES}"
        )
        return [", ".join(map(str, row)) for row in self._connection.exec_driver_sql(query)]


def _said(use: Use) -> str:
    return f"{use.verb} ({', '.join(use.columns)})" if use.columns else use.verb


def _key(row: Any) -> FoundKey:
    columns = () if None in row.columns else tuple(row.columns)
    return FoundKey(row.relname, columns, row.indisunique, row.indisprimary, row.condition, row.indisvalid)


def _other_operator(connection: Connection) -> str:
    row = connection.execute(
        text(
            "SELECT l.pid, a.usename, a.application_name, a.backend_start AS xact_start FROM pg_locks l"
            " LEFT JOIN pg_stat_activity a USING (pid)"
            " WHERE l.locktype = 'advisory' AND l.objid = :key AND l.granted LIMIT 1"
        ),
        {"key": _LOCK_NUMBER},
    ).first()
    return "?" if row is None else _who(row)


def _who(row: Any) -> str:
    since = f" {row.xact_start:%H:%M:%S}" if row.xact_start else ""
    described = ", ".join(part for part in (row.usename, row.application_name) if part)
    return f"{row.pid} ({described or '?'}){since}"


TARGET, DIALECT, DRIVER = PostgresqlTarget, POSTGRESQL, "postgresql+psycopg"
