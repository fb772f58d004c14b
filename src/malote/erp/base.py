"""The ERP on whatever engine: what is done, in which order, stands here once; an engine says what it does otherwise.

Whoever adds one derives from ``BaseErp``, and overrides what its database spells or keeps differently.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar, TypeVar

import msgspec
from sqlalchemy import URL, Connection, Engine, Insert, Select, Table, create_engine, false, select, text
from sqlalchemy.pool import QueuePool
from sqlalchemy.schema import CreateTable

from malote.erp import (
    call_statements,
    calling,
    connecting,
    earlier_system,
    images,
    letters,
    ordinary,
    rehearsing,
    rows,
    statements,
    structure,
)
from malote.erp import fingerprints as prints
from malote.erp.address import secrets_of
from malote.erp.booking import Booking, Stock
from malote.erp.call_statements import Answer
from malote.erp.connecting import Naming, classified
from malote.erp.grants import Grant
from malote.erp.last_booking_check import LEDGER_SHORT, ExpectedBookings
from malote.erp.letters import Letters
from malote.erp.mapping import BUILT_IN, ErpTables, MappedTable
from malote.erp.number_guard import Guarding
from malote.erp.plain_records import PlainRecords
from malote.erp.profiles import checking
from malote.erp.profiles.checking import ProfileFault
from malote.erp.profiles.post import Style, for_driver
from malote.erp.protocol import (
    READ_ONLY,
    BookedSale,
    EnteredSale,
    ErpError,
    Introduce,
    Outcome,
    OwnSale,
    Posting,
    Rehearsal,
    SaleRow,
    Touched,
)
from malote.erp.records import Records
from malote.erp.superseding import Superseding
from malote.fiscal.documents import Sale

_READ_ONLY = text("SET TRANSACTION READ ONLY")

Result = TypeVar("Result")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How an ERP is opened; see ``engines.open_erp``. Times in seconds."""

    lock_timeout: float
    statement_timeout: float = 30.0
    tables: ErpTables = BUILT_IN
    nearest_letters: bool = False
    remembered: str = ""
    introduce: Introduce | None = None


def server_engine(url: URL, **own: Any) -> Engine:
    """One connection, looked at before it is used; ``own`` is what the engine's driver wants besides."""
    return create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=True,
        hide_parameters=True,
        **own,
    )


class BaseErp(ABC):
    """See ``malote.erp.protocol.Erp``. Connects at the first use and again after a loss."""

    engine: str
    dialect: ClassVar[Any]  # SQLAlchemy's: how names are quoted and types are called
    call_style: ClassVar[Style] = "named"  # how the driver writes the binds of a statement of ``[post]``
    next_number: ClassVar[str] = ""  # SQL for the next of a sequence, ``{}`` for its name; "" where there are none
    keeps_state: ClassVar[bool] = False  # whether ``records`` are written for it: then its tables may be of any design
    tries_read_only: ClassVar[bool] = True  # whether ``try_out`` has the database itself refuse to write
    adds_up: ClassVar[bool] = False  # whether ``fingerprint`` is written for it
    tries: ClassVar[int] = 1  # of a batch that the server takes back by itself
    # What its code for a wrong structure means where nothing is lacking after all.
    otherwise: ClassVar[str] = "structure_outdated"
    without_nul: ClassVar[str] = ""  # its name, where no text may hold the character NUL

    def __init__(self, engine: Engine, url: URL, options: Options) -> None:
        self._engine = engine
        self.tables = options.tables
        self.nearest_letters = options.nearest_letters
        self.schema = options.tables.schema or options.remembered
        self.patience_seconds = options.statement_timeout
        self.connections = connecting.ConnectionCounter(engine)
        self._introduce = options.introduce
        self._secrets = secrets_of(url)
        self._guarding = Guarding(self)
        self._expected = ExpectedBookings()
        self._named = Naming(
            self._reading,
            self.tables,
            privileges=self._lacking,
            otherwise=self.otherwise,
            without_nul=self.without_nul,
        )

    # ---- what is asked of an ERP ----

    def create_structure(self, *, everything: bool = False) -> None:
        with classified(secrets=self._secrets):
            self._create(structure.wanted(self.tables, everything=everything))

    def post(self, batch: Sequence[Posting]) -> list[Outcome]:
        outcomes = calling.posted(self.tables, batch, self._post)
        self._expected.note(batch, outcomes)
        return outcomes

    def expect(self, identities: Sequence[str]) -> None:
        self._expected.tell(identities)

    def _post(self, batch: Sequence[Posting], careful: bool) -> list[Outcome]:
        return self._within(lambda connection: Booking(self, connection, careful=careful).book(batch), batch)

    def supersede(self, posting: Posting) -> Outcome:
        return calling.posted(self.tables, [posting], self._supersede)[0]

    def _supersede(self, batch: Sequence[Posting], careful: bool) -> list[Outcome]:
        return self._within(lambda connection: [Superseding(self, connection).settle(batch[0])], batch)

    def rehearse(self, posting: Posting) -> Rehearsal:
        return rehearsing.rehearsal(self, posting, self._transaction, self._named)

    def enter_before(self, identities: Sequence[str]) -> int:
        return self._within(lambda connection: earlier_system.enter(self, connection, identities), [])

    def ledger_harms(self) -> list[str]:
        with classified(secrets=self._secrets), self._reading() as connection:
            return structure.ledger_harms(connection, self.tables)

    def lost_keys(self) -> list[str]:
        with classified(secrets=self._secrets), self._reading() as connection:
            return structure.lost_keys(connection, self.tables)

    def ledger(self, identities: Sequence[str]) -> dict[str, bytes]:
        with classified(secrets=self._secrets):
            return connecting.ledger(self._reading, self.tables, identities)

    def sales(self, access_keys: Sequence[str]) -> list[SaleRow]:
        with classified(secrets=self._secrets):
            return images.sale_rows(self, self._reading, access_keys)

    def departures(self, postings: Sequence[Posting], cancelled: Collection[str]) -> dict[int, list[str]]:
        with classified(secrets=self._secrets):
            return images.departures(self, self._reading, postings, cancelled)

    def booked(self) -> Iterator[BookedSale]:
        with classified(secrets=self._secrets):
            yield from connecting.booked(self._reading, self.tables)

    def entered(self) -> Iterator[EnteredSale]:
        with classified(secrets=self._secrets):
            for key, till in connecting.entered(self._reading, self.tables):
                yield EnteredSale(key, till, till == earlier_system.OLD_SYSTEM)

    def sales_between(self, first: str, last: str) -> Iterator[OwnSale]:
        with classified(secrets=self._secrets):
            yield from connecting.sales_between(self._reading, self.tables, first, last)

    def fingerprints(
        self, ranges: Sequence[prints.Range], numbered: Sequence[prints.Range] | None = None
    ) -> list[prints.Print] | None:
        if not self.adds_up:
            return None
        with classified(secrets=self._secrets):
            return prints.fingerprints(self, self._reading, ranges, ranges if numbered is None else numbered)

    def faults(self) -> list[ProfileFault]:
        with classified(secrets=self._secrets), self._reading() as connection:
            return [
                *checking.faults(self, connection),
                *ordinary.unusable(self, connection),
                *letters.faults(self.letters(connection)),
                *self._own_faults(connection),
            ]

    def refused_writing(self) -> ErpError | None:
        ledger = self.tables.ledger
        nothing = select(ledger.c.identity).where(false())
        try:
            with classified(secrets=self._secrets), self._transaction() as connection:
                connection.execute(ledger.insert().from_select(["identity"], nothing))
        except ErpError as error:
            self._engine.dispose()  # the session may outlive what made it so
            return error if error.code == READ_ONLY else None
        return None

    def script(self) -> list[str]:
        return [f"{one}" for one in self._made(if_not_exists=True)]

    def _made(self, *, if_not_exists: bool) -> Iterator[str]:
        for table in structure.wanted(self.tables, everything=False):
            made = CreateTable(table, if_not_exists=if_not_exists).compile(dialect=self.dialect)
            yield f"{str(made).strip()};"

    def close(self) -> None:
        self._engine.dispose()

    @abstractmethod
    def grants(self, user: str) -> list[Grant]: ...

    # ---- transactions ----

    def _within(self, work: Callable[[Connection], Result], batch: Sequence[Posting]) -> Result:
        """In one transaction. One that the server has taken back by itself is tried again at once."""
        left = self.tries
        while True:
            left -= 1
            try:
                return self._once(work, batch)
            except ErpError as error:
                if not left or not self._was_taken_back(error):
                    raise

    def _once(self, work: Callable[[Connection], Result], batch: Sequence[Posting]) -> Result:
        try:
            with classified(secrets=self._secrets):
                self._look_over()
                self._guarding.make(self._transaction)
                with self._transaction() as connection:
                    self._expected.check(connection, self.tables, self.schema)
                    return work(connection)
        except ErpError as error:
            if error.code in ("erp_away", READ_ONLY, LEDGER_SHORT):
                # What is behind a new connection is looked at before anything else. And a session may outlive what
                # made it so: one that may only read stays that way, or is the old server's.
                self._engine.dispose()
            raise self._named(error, batch) from error

    def _was_taken_back(self, error: ErpError) -> bool:
        return False

    def _look_over(self) -> None:  # noqa: B027 most engines need none
        """Before anything is booked. Raises ``ErpError`` where that would be wrong."""

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            yield connection

    def _reading(self) -> AbstractContextManager[Connection]:
        return self._engine.connect()

    @contextmanager
    def read_only(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            connection.execute(_READ_ONLY)
            yield connection

    def _create(self, wanted: list[Table]) -> None:
        with self._transaction() as connection:
            structure.create(connection, wanted)

    # ---- what only the engine knows ----

    def _lacking(self, connection: Connection) -> list[str]:
        """What the present user may not do, where the database tells."""
        return []

    def _own_faults(self, connection: Connection) -> list[ProfileFault]:
        """What keeps the profile from working on this engine alone."""
        return []

    def touched(self, connection: Connection, known: Collection[str]) -> list[Touched]:
        """What the open transaction wrote, where the database tells. ``known``: CNPJs that may be shown."""
        return []

    # ---- what Booking asks of an engine: ``transacting.Engine`` ----

    @abstractmethod
    def claim(self, connection: Connection, entries: Sequence[rows.Row]) -> set[str]: ...

    def add_sales(self, connection: Connection, postings: Sequence[tuple[Posting, Sale]]) -> None:
        for table, added in rows.sales_with_lines(self.tables, postings):
            with classified(table.name):
                connection.execute(statements.add(table), added)

    def move_stock(self, connection: Connection, moves: Stock) -> None:
        stock = self.tables.stock
        assert stock is not None  # noqa: S101 only called where there is one
        with classified(stock.name):
            connection.execute(self._adding(stock), rows.stock_rows(stock, moves))

    def _adding(self, stock: MappedTable) -> Insert:
        """Adds the quantity to the row of its key; one that isn't there starts from zero."""
        raise NotImplementedError

    def locked(self, statement: Select[Any]) -> Select[Any]:
        return statement.with_for_update()

    def letters(self, connection: Connection) -> Letters:
        """Asked for each batch: looked at once per connection where looking costs."""
        return Letters(self.tables, None)

    def call(self, connection: Connection, statement: str, values: Mapping[str, str | None], most: int) -> list[Answer]:
        result = connection.exec_driver_sql(for_driver(statement, self.call_style), dict(values))
        return call_statements.answers(result, most)

    def parsed(self, connection: Connection, statement: str) -> str:
        """What the database says against a statement of ``[post]``, which is not run; "" for nothing."""
        return ""

    def records(self, connection: Connection) -> Records:
        return PlainRecords(connection, self._adding, self.next_number)

    def try_out(self, connection: Connection, work: Callable[[Records], object]) -> None:
        nested = connection.begin_nested()
        try:
            connection.execute(_READ_ONLY)
            work(self.records(connection))
        finally:
            nested.rollback()

    def fingerprint(
        self, connection: Connection, part: prints.Rows, ranges: Sequence[prints.Range]
    ) -> list[prints.Print]:
        raise NotImplementedError
