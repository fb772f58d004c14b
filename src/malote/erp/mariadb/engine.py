"""The ERP on MariaDB or MySQL, through PyMySQL: one transaction per batch, on InnoDB."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import pymysql
from sqlalchemy import URL, Connection, Select, create_engine, event, insert, select, text
from sqlalchemy.dialects.mysql import insert as insert_or
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import QueuePool

from malote.erp import before, calling, connecting, images, rehearsing, rows, statements, structure
from malote.erp.address import secrets_of
from malote.erp.booking import Booking, Stock
from malote.erp.connecting import Naming, classified
from malote.erp.grants import Grant
from malote.erp.guarding import Guarding
from malote.erp.mapping import BUILT_IN, ErpTables
from malote.erp.mariadb import grants, session, tables, whole
from malote.erp.mariadb.faults import DEADLOCK, TAKEN
from malote.erp.profiles import checking
from malote.erp.profiles.checking import Fault
from malote.erp.protocol import BookedSale, ErpError, Introduce, Outcome, OwnSale, Posting, Rehearsal, SaleRow
from malote.erp.repertoire import Repertoire
from malote.erp.superseding import Superseding
from malote.fiscal.documents import Sale

_TRIES = 5  # of a batch that is a deadlock's victim
_SPARE_SECONDS = 5.0  # the server ends a statement itself; the driver only what the network lost

Answer = TypeVar("Answer")


class MariadbErp:
    """See ``malote.erp.protocol.Erp``. Connects at the first use and again after a loss."""

    engine = "mariadb"

    def __init__(
        self,
        url: URL,
        *,
        lock_timeout_seconds: float,
        statement_timeout_seconds: float,
        tables: ErpTables = BUILT_IN,
        nearest_letters: bool = False,
        remembered: str = "",
        introduce: Introduce | None = None,
    ) -> None:
        self.tables = tables
        self.nearest_letters = nearest_letters
        self.schema = tables.schema or remembered
        self.patience_seconds = statement_timeout_seconds
        self._database = url.database or ""
        self._secrets = secrets_of(url)
        waiting = max(statement_timeout_seconds, lock_timeout_seconds) + _SPARE_SECONDS
        self._engine = create_engine(
            url.set(drivername="mysql+pymysql"),
            # The dedup of a batch is proved for this isolation, whatever the server's default.
            isolation_level="READ COMMITTED",
            connect_args={
                "charset": "utf8mb4",
                "connect_timeout": 5,
                "read_timeout": waiting,
                "write_timeout": waiting,
            },
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=0,
            pool_timeout=5,
            pool_pre_ping=True,
            hide_parameters=True,
        )
        limits = session.Limits(lock_timeout_seconds, statement_timeout_seconds)
        event.listen(self._engine, "connect", lambda driver, _: session.prepare(driver, limits, introduce))
        self.connections = connecting.Connections(self._engine)
        self._guarding = Guarding(self)
        self._looked_over = -1  # the number of the connection over which the tables were looked at
        self._named = Naming(self._engine.connect, tables)

    def create_structure(self, *, everything: bool = False) -> None:
        with classified(secrets=self._secrets), self._engine.begin() as connection:
            for table in structure.wanted(self.tables, everything=everything):
                connection.execute(text(tables.created(table)))

    def post(self, batch: Sequence[Posting]) -> list[Outcome]:
        return calling.posted(self.tables, batch, self._post)

    def _post(self, batch: Sequence[Posting], careful: bool) -> list[Outcome]:
        return self._within(lambda connection: Booking(self, connection, careful=careful).book(batch), batch)

    def supersede(self, posting: Posting) -> Outcome:
        return calling.posted(self.tables, [posting], self._supersede)[0]

    def _supersede(self, batch: Sequence[Posting], careful: bool) -> list[Outcome]:
        return self._within(lambda connection: [Superseding(self, connection).settle(batch[0])], batch)

    def rehearse(self, posting: Posting) -> Rehearsal:
        return rehearsing.rehearsal(self, posting, self._transaction, self._named)

    def _within(self, work: Callable[[Connection], Answer], batch: Sequence[Posting]) -> Answer:
        """InnoDB locks more rows than it was asked for, so that two posters may deadlock over nothing: that is tried
        again at once, since the server has taken all of it back."""
        left = _TRIES
        while True:
            left -= 1
            try:
                return self._once(work, batch)
            except ErpError as error:
                if error.facts.get("sqlstate") != DEADLOCK or not left:
                    raise

    def _once(self, work: Callable[[Connection], Answer], batch: Sequence[Posting]) -> Answer:
        try:
            with classified(secrets=self._secrets):
                self._look_at_engines()
                self._guarding.make(self._transaction)
                with self._transaction() as connection:
                    return work(connection)
        except ErpError as error:
            raise self._named(error, batch) from error

    def _look_at_engines(self) -> None:
        """A ledger that keeps no transaction is none: nothing is booked over it. Raises ``ErpError``."""
        if self._looked_over == self.connections.count:
            return
        own = {part.name for part in self.tables.parts} | {self.tables.ledger_name}
        with self._engine.connect() as connection:
            found = tables.without_transactions(connection, self.tables)
        wrong = [f"{name}: {engine}, InnoDB" for name, engine in found.items() if name in own]
        if wrong:
            raise ErpError("erp_profile_invalid", transient=True, detail=", ".join(wrong))
        self._looked_over = self.connections.count

    def enter_before(self, identities: Sequence[str]) -> int:
        return self._within(lambda connection: before.enter(self, connection, identities), [])

    def ledger(self, identities: Sequence[str]) -> dict[str, bytes]:
        with classified(secrets=self._secrets):
            return connecting.ledger(self._engine.connect, self.tables, identities)

    def sales(self, access_keys: Sequence[str]) -> list[SaleRow]:
        with classified(secrets=self._secrets):
            return images.sale_rows(self._engine.connect, self.tables, access_keys)

    def departures(self, postings: Sequence[Posting], cancelled: Collection[str]) -> dict[int, list[str]]:
        with classified(secrets=self._secrets):
            return images.departures(self, self._engine.connect, postings, cancelled)

    def booked(self) -> Iterator[BookedSale]:
        with classified(secrets=self._secrets):
            yield from connecting.booked(self._engine.connect, self.tables)

    def sales_between(self, first: str, last: str) -> Iterator[OwnSale]:
        with classified(secrets=self._secrets):
            yield from connecting.sales_between(self._engine.connect, self.tables, first, last)

    def fingerprints(self, ranges: Sequence[tuple[str, str]]) -> list[tuple[int, ...]] | None:
        return None  # not written for this engine

    def grants(self, user: str) -> list[Grant]:
        return grants.needed(self.tables, self._database, user, tables.DIALECT.identifier_preparer)

    def faults(self) -> list[Fault]:
        with classified(secrets=self._secrets), self._engine.connect() as connection:
            return checking.faults(connection, self.tables) + tables.faults(connection, self.tables)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def read_only(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            connection.execute(text("SET TRANSACTION READ ONLY"))
            yield connection

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            if self.tables.profile.post is None:
                yield connection
                return
            with whole.kept_whole(connection):
                yield connection

    # ---- what Booking asks of an engine ----

    def claim(self, connection: Connection, entries: Sequence[rows.Row]) -> set[str]:
        """Looks first, since the server doesn't say which rows of one INSERT were there. Another session that enters
        the same in between is waited for, undoes the whole INSERT, and is seen at the next look."""
        fresh: set[str] = set()
        names = sorted(entry["identity"] for entry in entries)
        for some in statements.steps(names):
            wanted = set(some)
            arriving = [entry for entry in entries if entry["identity"] in wanted]
            fresh |= self._claimed(connection, arriving)
        return fresh

    def _claimed(self, connection: Connection, entries: Sequence[rows.Row]) -> set[str]:
        ledger = self.tables.ledger
        asked = select(ledger.c.identity).where(ledger.c.identity.in_({entry["identity"] for entry in entries}))
        while True:
            with classified(self.tables.ledger_name):
                taken = set(connection.scalars(asked))
                new = [entry for entry in entries if entry["identity"] not in taken]
                try:
                    if new:
                        connection.execute(insert(ledger).values(list(map(dict, new))))  # all of them, or none
                except IntegrityError as error:
                    if not _is_taken(error):
                        raise
                else:
                    return {entry["identity"] for entry in new}

    def add_sales(self, connection: Connection, postings: Sequence[tuple[Posting, Sale]]) -> None:
        for table, added in rows.sales_with_lines(self.tables, postings):
            with classified(table.name):
                connection.execute(statements.add(table), added)

    def move_stock(self, connection: Connection, moves: Stock) -> None:
        stock = self.tables.stock
        assert stock is not None  # noqa: S101 only called where there is one
        adding: Any = insert_or(stock.table)
        quantity = stock.columns.quantity
        statement = adding.on_duplicate_key_update({quantity.name: quantity + adding.inserted[quantity.key]})
        with classified(stock.name):
            connection.execute(statement, rows.stock_rows(stock, moves))

    def repertoire(self, connection: Connection) -> Repertoire | None:
        return None  # each column has its own, and in strict mode refuses what it lacks

    def locked(self, statement: Select[Any]) -> Select[Any]:
        return statement.with_for_update()


def _is_taken(error: IntegrityError) -> bool:
    return isinstance(error.orig, pymysql.Error) and bool(error.orig.args) and error.orig.args[0] == TAKEN
