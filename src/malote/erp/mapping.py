"""The tables of one ERP, made from its profile once: SQLAlchemy's for the statements, functions for the rows.

A column whose value leads back to a field of a document goes by that field's name in Python (its ``key``), whatever
the ERP calls it, so that the code that books is the same for every profile.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, MetaData, Table
from sqlalchemy.sql.schema import RETAIN_SCHEMA

from malote.erp import ordinary_tables, tables
from malote.erp.profiles.compiled_expression import Inverse, Row
from malote.erp.profiles.errors import ProfileError
from malote.erp.profiles.post import CALLS
from malote.erp.profiles.profile import FIELDS, ORDINARY, PARTS, Part, Profile, built_in
from malote.erp.profiles.syntax import PART_OF_KEY, Field
from malote.erp.targets import CANCELLED, PROTOCOL, STAMPED, ColumnTarget, column_of, link_of, targets_of
from malote.erp.values import Words

ERP_ID = "erp_id"  # beside the fields of a sale that the ERP's own statements booked: what the ERP calls it
_NOT_YET: Row = dict.fromkeys(CANCELLED)

# Fields that Malote itself needs in a column of their own, and those it must at least be able to read back.
_OWN_COLUMN: Mapping[str, frozenset[str]] = {
    "sale": frozenset({"access_key", "issued_at", "total", "protocol_status", "cancelled_at"}),
    "item": frozenset({"access_key"}),
    "payment": frozenset({"access_key"}),
    "stock": frozenset({"quantity"}),
}
_FOR_STOCK: Mapping[str, frozenset[str]] = {
    "sale": frozenset({"issuer"}),
    "item": frozenset({"product_code", "quantity"}),
}
# Without these two versions of a sale can't be told to have the same goods and money.
_MONEY: Mapping[Part, frozenset[str]] = {
    "sale": frozenset({"total"}),
    "item": frozenset({"product_code", "quantity", "gross"}),
    "payment": frozenset({"amount"}),
}
_NOT_COMPARED = {"till", STAMPED, *CANCELLED, *PROTOCOL}


class MappedTable:
    """One table of the ERP. ``plain`` where each column holds just the field it is called after, as in Malote's own."""

    def __init__(self, part: Part, table: Table, targets: Sequence[ColumnTarget], several: Sequence[str] = ()) -> None:
        """``several``: the columns of the sale's key, where it is of several."""
        self.part = part
        self.table = table
        self.targets = tuple(targets)
        self.inserted = tuple(target for target in targets if target.inserted)
        self.plain = all(target.bare == target.key for target in self.inserted) and {
            target.key for target in self.inserted
        } == {column.name for column in FIELDS[part].columns} - {STAMPED, *CANCELLED}
        self.made_by_database = any(target.by_database for target in targets)
        self.of_sale = link_of(part, self.targets, several)
        self._read: dict[str, Inverse] = {
            target.key: target.compiled.inverse for target in targets if target.compiled.inverse is not None
        }

    @property
    def name(self) -> str:
        return plain(self.table.name)

    @property
    def columns(self) -> Any:
        """By field, where one can be read back."""
        return self.table.c

    def rows(self, fields: Sequence[Row], sale: Row | None = None) -> Sequence[Row]:
        """Rows for an INSERT from rows by field. Raises ``OutOfRangeError`` and ``UnmappedError``."""
        if self.plain:
            return fields
        complete = [{**_NOT_YET, **row} for row in fields]
        return [{target.key: target.compiled.value(row, sale or row) for target in self.inserted} for row in complete]

    def values(self, row: Row, sale: Row) -> dict[str, Any]:
        """One row for an INSERT, of a row by field. Raises as ``rows``."""
        complete = {**_NOT_YET, **row}
        return {target.key: target.compiled.value(complete, sale) for target in self.inserted}

    def changing(self, fields: Row) -> list[ColumnTarget]:
        """The columns that are made of these fields alone."""
        return [
            target
            for target in self.targets
            if target.compiled.fields and all(field.name in fields for field in target.compiled.fields)
        ]

    def change(self, fields: Row) -> Row:
        """What an UPDATE sets when these fields change: every column that is made of them."""
        return {target.key: target.compiled.value(fields, fields) for target in self.changing(fields)}

    def readable(self, *, exactly: bool = False) -> frozenset[str]:
        """Fields that can be read back."""
        return frozenset(
            target.key for target in self.targets if target.key in self._read and (target.compiled.exact or not exactly)
        )

    def read(self, field: str, value: Any) -> Any:
        """The field's value, from the column's."""
        return self._read[field](value)

    def used(self) -> frozenset[str]:
        """Fields that go into any column at all."""
        return frozenset(field.name for target in self.targets for field in target.compiled.fields if not field.of_sale)


class ErpTables:
    """All tables of one ERP. ``schema`` and ``prefix`` put them elsewhere, for trying out."""

    def __init__(self, profile: Profile, *, schema: str = "", prefix: str = "") -> None:
        """Raises ``ProfileError``."""
        self.profile = profile
        self.metadata = MetaData(naming_convention=tables.metadata.naming_convention)
        self.schema = schema or profile.schema or None
        self._prefix = prefix
        ledger = tables.posting_key.to_metadata(
            self.metadata, schema=self.schema or RETAIN_SCHEMA, name=prefix + profile.ledger.table
        )
        self.ledger = ledger
        # Only where the ERP's tables are of ordinary design; there the sales' state is read from it, and not from them.
        self.state: Table | None = (
            ordinary_tables.state(self.metadata, prefix + profile.state.table, self.schema) if profile.state else None
        )
        self._parts: dict[Part, MappedTable] = {}
        for part in PARTS:  # the sale first
            if (made := self._part(part)) is not None:
                self._parts[part] = made
        _refuse_unusable(self)

    def _part(self, part: Part) -> MappedTable | None:
        mapped = self.profile.part(part)
        if mapped is None:
            return None
        targets = targets_of(self.profile, part, mapped)
        ordinary = self.state is not None
        columns = [column_of(part, one, ordinary=ordinary, like=self._held_by_sale(one)) for one in targets]
        if self.profile.post is not None:
            columns.append(Column(ERP_ID, Words(4000)))
        table = Table(self._prefix + mapped.table, self.metadata, *columns, schema=self.schema)
        return MappedTable(part, table, targets, self.profile.sale.several)

    def _held_by_sale(self, target: ColumnTarget) -> Any:
        """The type of the sale's column that it holds the same as; None where it holds something else."""
        for one in self.sale.targets if isinstance(target.expression, Field) and target.expression.of_sale else ():
            if target.expression == Field(PART_OF_KEY + one.column, of_sale=True):
                return self.sale.columns[one.key].type
        return None

    @property
    def ledger_name(self) -> str:
        return plain(self.ledger.name)

    def part(self, part: Part) -> MappedTable | None:
        return self._parts.get(part)

    @property
    def sale(self) -> MappedTable:
        return self._parts["sale"]

    @property
    def item(self) -> MappedTable | None:
        """None where the ERP's own statements write the lines."""
        return self._parts.get("item")

    @property
    def note(self) -> MappedTable | None:
        """What the ERP has of a sale in a table beside it."""
        return self._parts.get("note")

    @property
    def payment(self) -> MappedTable | None:
        return self._parts.get("payment")

    @property
    def stock(self) -> MappedTable | None:
        return self._parts.get("stock")

    @property
    def cancellation(self) -> MappedTable | None:
        return self._parts.get("cancellation")

    @property
    def tax(self) -> MappedTable | None:
        return self._parts.get("tax")

    @property
    def movement(self) -> MappedTable | None:
        return self._parts.get("movement")

    @property
    def standing(self) -> Any:
        """The columns that tell what became of a sale, by field: the state's, or the ERP's own sale's."""
        return self.sale.columns if self.state is None else self.state.c

    @property
    def number_void(self) -> MappedTable | None:
        return self._parts.get("number_void")

    @property
    def parts(self) -> Iterable[MappedTable]:
        return self._parts.values()

    @property
    def complete(self) -> bool:
        """Whether a sale can be read back with everything in it that is compared."""
        if self.state is not None:
            return self.keeps_consumers
        return not any(
            {column.name for column in FIELDS[part].columns} - _NOT_COMPARED - self._exactly(part)
            for part in ("sale", "item", "payment")
        )

    @property
    def keeps_consumers(self) -> bool:
        """Whether the ERP has the sales' consumers: then the state may have them too."""
        return "consumer" in self.wanted("sale")

    def wanted(self, part: Part) -> frozenset[str]:
        """Fields of a part that go into any column of any table."""
        more: dict[Part, tuple[Part, ...]] = {"item": ("tax", "movement"), "sale": ("note",)}
        also = more.get(part, ())
        used = [mapped.used() for one in (part, *also) if (mapped := self.part(one))]
        return frozenset().union(*used) | self._copied(part)

    @property
    def tells_money(self) -> bool:
        """Whether goods and money of a booked sale can be read back exactly. Payments count where they are booked."""
        told = (names <= self._exactly(part) for part, names in _MONEY.items() if self.part(part))
        return self.state is not None or (self.item is not None and all(told))

    def left_out(self) -> list[str]:
        """What goes nowhere by this profile: ``payment`` for a part, ``item.cbs_rate`` for a field."""
        if (post := self.profile.post) is not None:
            return [f"post.{which}" for which in CALLS if post.statements(which) is None]
        out: list[str] = []
        for part in PARTS:
            if part in ORDINARY:
                continue
            if self.part(part) is None:
                out += [part] if part != "stock" or self.movement is None else []
                continue
            used = self.wanted(part) | {STAMPED} | (ordinary_tables.OF_TAXES if part == "item" and self.tax else set())
            out += [f"{part}.{column.name}" for column in FIELDS[part].columns if column.name not in used]
        return out

    def _exactly(self, part: Part) -> frozenset[str]:
        mapped = self.part(part)
        return mapped.readable(exactly=True) if mapped else frozenset()

    def _copied(self, part: Part) -> frozenset[str]:
        """Fields of the sale that its lines have."""
        if part != "sale":
            return frozenset()
        return frozenset(
            field.name
            for mapped in self.parts
            for target in mapped.targets
            for field in target.compiled.fields
            if field.of_sale
        )


def plain(name: str) -> str:
    """A name without what SQLAlchemy attaches to it, which nothing else can write."""
    return f"{name}"


def _refuse_unusable(made: ErpTables) -> None:
    if made.state is not None:
        _refuse_unlinked(made)
        return
    for part, wanted in _OWN_COLUMN.items():
        mapped = made.part(part)  # type: ignore[arg-type]
        if mapped is None:
            continue
        bare = {target.bare for target in mapped.targets if target.key == target.bare}
        if wanted - bare:
            lacking = ", ".join(sorted(wanted - bare))
            raise _unusable(
                made, part, f"needs columns of their own for {lacking}; or [state], which needs none of them"
            )
    if made.stock is None:
        return
    if {"issuer", "product_code"} - made.stock.used():
        raise _unusable(made, "stock", "needs issuer and product_code in its key")
    for part, wanted in _FOR_STOCK.items():
        mapped = made.part(part)  # type: ignore[arg-type]
        assert mapped is not None  # noqa: S101 sale and item are in every profile
        if wanted - mapped.readable():
            lacking = ", ".join(sorted(wanted - mapped.readable()))
            raise _unusable(made, part, f"must hold {lacking} so that it can be read back when stock is returned")


_NO_LINK = "needs a column for sale.key or access_key; where the sale's key is of several, one for each sale_key('…')"


def _refuse_unlinked(made: ErpTables) -> None:
    """What was written of a sale must be found again, by the ERP's own key of it or by the access key."""
    if not made.sale.of_sale:
        raise _unusable(made, "sale", "needs key, or a column of its own for access_key")
    for mapped in (made.note, made.item, made.tax, made.payment):
        if mapped and not mapped.of_sale:
            raise _unusable(made, mapped.part, _NO_LINK)
    stock = made.stock
    if stock is not None and "quantity" not in stock.columns:
        raise _unusable(made, "stock", "needs a column of its own for quantity")


def _unusable(made: ErpTables, part: str, why: str) -> ProfileError:
    return ProfileError(f"{made.profile.name}: {part}", why)


BUILT_IN = ErpTables(built_in())
