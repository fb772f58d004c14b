"""What a check sees: Malote's way into a scratch place, and another program's beside it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Executable, func, select, text

from malote.erp import compare, number_guard, rows
from malote.erp.conformance.assertions import CheckFailedError, NotApplicableError, expect
from malote.erp.conformance.documents import ISSUER, postings
from malote.erp.conformance.scratch import LOCK_SECONDS, Scratch
from malote.erp.mapping import ErpTables, MappedTable
from malote.erp.profiles.profile import Part
from malote.erp.profiles.syntax import Call
from malote.erp.protocol import Erp, ErpError, Outcome, Result
from malote.fiscal.documents import Document, Sale


class Scene:
    """Fresh tables of a scratch place. Close it; the place is the caller's."""

    def __init__(self, scratch: Scratch) -> None:
        self.scratch = scratch
        self.tables: ErpTables = scratch.tables
        self.complete = scratch.tables.complete
        written = [target.expression for mapped in self.tables.parts for target in mapped.targets]
        self._coarse = any(isinstance(one, Call) and one.function == "places" for one in written)
        self.erp: Erp = scratch.open()
        self._opened: list[Callable[[], None]] = [self.erp.close]

    @cached_property
    def _somebody(self) -> Any:
        engine = self.scratch.somebody()
        self._opened.append(engine.dispose)
        return engine

    def close(self) -> None:
        for close in reversed(self._opened):
            close()

    # ---- as Malote ----

    def outcomes(self, *documents: Document, first_id: int = 1) -> list[Outcome]:
        try:
            return self.erp.post(postings(documents, first_id=first_id))
        except ErpError as error:
            if error.code == "value_out_of_range" and self._coarse:
                raise NotApplicableError("the profile's columns take fewer decimals") from error
            raise

    def post(self, *documents: Document, first_id: int = 1) -> list[Result]:
        return [outcome.result for outcome in self.outcomes(*documents, first_id=first_id)]

    def refusal(self, *documents: Document) -> ErpError:
        """The error in which posting these ends. Raises ``CheckFailedError`` where it ends in none."""
        try:
            self.post(*documents)
        except ErpError as error:
            expect(type(error.detail) is str, "the error's detail can't be written down")
            return error
        raise CheckFailedError("it was booked, and should have been refused")

    def another(self, *, lock_seconds: float = LOCK_SECONDS) -> Erp:
        """A second poster."""
        erp = self.scratch.open(lock_seconds=lock_seconds)
        self._opened.append(erp.close)
        return erp

    # ---- as somebody else ----

    def ask(self, statement: Executable) -> list[tuple[Any, ...]]:
        with self._somebody.connect() as connection:
            return [tuple(row) for row in connection.execute(statement)]

    def change(self, *statements: Executable | str) -> None:
        with self._somebody.begin() as connection:
            for statement in statements:
                connection.execute(text(statement) if isinstance(statement, str) else statement)

    @contextmanager
    def meanwhile(self) -> Iterator[Connection]:
        """Another program's open transaction, rolled back at the end of the block."""
        with self._somebody.connect() as connection:
            connection.begin()
            try:
                yield connection
            finally:
                connection.rollback()

    def refuse_product(self, product: str, name: str) -> None:
        """A rule of the ERP's own against one product."""
        item = self.part("item")
        if "product_code" not in item.columns:
            raise NotApplicableError("the profile has no column for item.product_code")
        self.change(self.scratch.refuse(self._table(item), self._column(item, "product_code"), product, name))

    def drop_column(self, part: Part, field: str) -> str:
        """Drops it behind Malote's back; returns what the ERP calls it. Only where the profile has it."""
        table = self.part(part)
        if field not in table.columns:
            raise NotApplicableError(f"the profile has no column for {part}.{field}")
        self.change(f"ALTER TABLE {self._table(table)} DROP COLUMN {self._column(table, field)}")
        return f"{table.name}.{table.columns[field].name}"

    def drop_table(self, part: Part) -> str:
        table = self.part(part)
        self.change(f"DROP TABLE {self._table(table)}")
        return table.name

    def part(self, part: Part) -> MappedTable:
        table = self.tables.part(part)
        if table is None:
            raise NotApplicableError(f"the profile has no {part}")
        return table

    def _table(self, table: MappedTable) -> str:
        return str(self._somebody.dialect.identifier_preparer.format_table(table.table))

    def _column(self, table: MappedTable, field: str) -> str:
        return str(self._somebody.dialect.identifier_preparer.format_column(table.columns[field]))

    # ---- what is there ----

    def counts(self) -> dict[str, int]:
        """Rows by part, of those that the profile has; ``ledger`` too, of documents and not of their numbers."""
        entry = self.tables.ledger.c.identity
        documents = entry.not_like("number:%") & (entry != number_guard.DONE)
        counted = {"ledger": self.ask(select(func.count(entry)).where(documents))[0][0]}
        for table in self.tables.parts:
            counted[table.part] = self.ask(select(func.count()).select_from(table.table))[0][0]
        return counted

    def empty(self) -> bool:
        return not any(self.counts().values())

    def differences(self, sale: Sale) -> list[str]:
        """Fields in which the ERP says something else than this sale; ``absent`` where it hasn't the sale."""
        with self._somebody.connect() as connection:
            booked = rows.booked_sales(connection, self.tables, {sale.access_key: sale}).get(sale.access_key)
        if booked is None:
            return ["absent"]
        more = ["protocol"] if self._protocol_of(booked) != self._protocol_of(sale) else []
        return compare.differences(booked, sale) + more

    def _protocol_of(self, sale: Sale) -> Any:
        protocol, known = sale.protocol, self.tables.sale.readable(exactly=True)
        if protocol is None:
            return None
        parts = {"protocol_number": protocol.number, "protocol_status": protocol.status, "protocol_at": protocol.at}
        return {name: value for name, value in parts.items() if name in known}

    def stock(self) -> dict[str, Decimal]:
        """By product of the usual issuer."""
        stock = self.part("stock")
        if {"issuer", "product_code"} - stock.readable():
            raise NotApplicableError("the profile's stock can't be read back")
        column = stock.columns
        found = self.ask(select(column.issuer, column.product_code, column.quantity))
        read = stock.read
        return {
            read("product_code", product): quantity
            for issuer, product, quantity in found
            if read("issuer", issuer) == ISSUER
        }

    def cancelled(self) -> list[str]:
        column = self.tables.standing
        return [row[0] for row in self.ask(select(column.access_key).where(column.cancelled_at.is_not(None)))]

    def status_of(self, key: str) -> int | None:
        """The status of the sale's protocol."""
        column = self.tables.standing
        status: int | None = self.ask(select(column.protocol_status).where(column.access_key == key))[0][0]
        return status


def of_erp(error: ErpError) -> tuple[str, bool]:
    return error.code, error.transient
