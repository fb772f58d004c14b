"""The ERP on MariaDB or MySQL, through PyMySQL: one transaction per batch, on InnoDB."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import pymysql
from sqlalchemy import URL, Connection, Insert, Table, event, insert, select, text
from sqlalchemy.dialects.mysql import insert as insert_or
from sqlalchemy.exc import IntegrityError

from malote.erp import rows, statements, structure
from malote.erp.base import BaseErp, Options, server_engine
from malote.erp.call_statements import Answer
from malote.erp.connecting import over_ledger
from malote.erp.faults import raised
from malote.erp.grants import Grant
from malote.erp.letters import Letters
from malote.erp.mapping import MappedTable
from malote.erp.mariadb import calls, charsets, grants, session_limits, tables, whole
from malote.erp.mariadb.faults import DEADLOCK, TAKEN
from malote.erp.profiles.checking import ProfileFault
from malote.erp.profiles.post import for_driver
from malote.erp.protocol import ErpError, Posting
from malote.erp.records import Records

SPARE_SECONDS = 5.0  # the server ends a statement itself; the driver only what the network lost


Answered = TypeVar("Answered")


class MariadbErp(BaseErp):
    """See ``malote.erp.base.BaseErp``.

    InnoDB locks more rows than it was asked for, so that two posters may deadlock over nothing: their batch is tried
    again at once, since the server has taken all of it back.
    """

    engine = "mariadb"
    dialect = tables.DIALECT
    call_style = "pyformat"
    tries = 5
    keeps_state = True
    tries_read_only = False
    next_number = "SELECT NEXTVAL({})"

    def __init__(self, url: URL, options: Options) -> None:
        waiting = max(options.statement_timeout, options.lock_timeout) + SPARE_SECONDS
        engine = server_engine(
            url.set(drivername="mysql+pymysql"),
            # The dedup of a batch is proved for this isolation, whatever the server's default.
            isolation_level="READ COMMITTED",
            connect_args={
                "charset": "utf8mb4",
                "connect_timeout": 5,
                "read_timeout": waiting,
                "write_timeout": waiting,
            },
        )
        limits = session_limits.WaitingLimits(options.lock_timeout, options.statement_timeout)
        event.listen(engine, "connect", lambda driver, _: self._prepare(driver, limits, options))
        super().__init__(engine, url, options)
        self._database = url.database or ""
        self._session = 0  # the server's number of the last one
        self._letters: tuple[int, Letters] | None = None  # with the number of the connection
        self._looked_over = -1  # the number of the connection over which the tables were looked at

    def _prepare(self, driver: Any, limits: session_limits.WaitingLimits, options: Options) -> None:
        self._session = driver.thread_id()
        session_limits.prepare(driver, limits, options.introduce)

    def grants(self, user: str) -> list[Grant]:
        return grants.needed(self.tables, self._database, user, tables.DIALECT.identifier_preparer)

    def script(self) -> list[str]:
        return [f"{tables.created(one)};" for one in structure.wanted(self.tables, everything=False)]

    def _create(self, wanted: list[Table]) -> None:
        with self._engine.begin() as connection:
            for table in wanted:
                connection.execute(text(tables.created(table)))

    def _own_faults(self, connection: Connection) -> list[ProfileFault]:
        return tables.faults(connection, self.tables)

    def _was_taken_back(self, error: ErpError) -> bool:
        # A number that is counted may be another poster's by now: counted again, it is the next one.
        counted = error.code == "erp_constraint" and bool(self.tables.profile.sale.count)
        return counted or error.facts.get("sqlstate") == DEADLOCK

    def _once(self, work: Callable[[Connection], Answered], batch: Sequence[Posting]) -> Answered:
        """The server forgets its own limit where a procedure loops. What it goes on doing once nobody waits for it
        would hold the locks of this batch for ever: it is ended."""
        try:
            return super()._once(work, batch)
        except ErpError as error:
            if error.code == "erp_slow":
                self._end(self._session)
            raise

    def _end(self, number: int) -> None:
        """A session of this very user's, which needs no privilege. Quiet where it is gone, and where nobody answers."""
        with suppress(*raised()), self._engine.connect() as connection:
            if number != self._session:  # or it answered, and is the one that works on
                connection.exec_driver_sql(f"KILL {number}")

    def _look_over(self) -> None:
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

    def letters(self, connection: Connection) -> Letters:
        if self._letters is None or self._letters[0] != self.connections.count:
            columns = charsets.columns(connection, self.tables)
            self._letters = self.connections.count, Letters(self.tables, None, columns)
        return self._letters[1]

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
            with over_ledger(self.tables.ledger_name):
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

    def _adding(self, stock: MappedTable) -> Insert:
        adding: Any = insert_or(stock.table)
        quantity = stock.columns.quantity
        made: Insert = adding.on_duplicate_key_update({quantity.name: quantity + adding.inserted[quantity.key]})
        return made

    def try_out(self, connection: Connection, work: Callable[[Records], object]) -> None:
        nested = connection.begin_nested()  # the server takes no other access in the middle; one SELECT writes nothing
        try:
            work(self.records(connection))
        finally:
            nested.rollback()

    def call(self, connection: Connection, statement: str, values: Mapping[str, str | None], most: int) -> list[Answer]:
        return calls.run(connection, for_driver(statement, "pyformat"), values, most)


def _is_taken(error: IntegrityError) -> bool:
    return isinstance(error.orig, pymysql.Error) and bool(error.orig.args) and error.orig.args[0] == TAKEN


ERP = MariadbErp
