"""The tables of one ERP, made from its profile once: SQLAlchemy's for the statements, functions for the rows.

A column whose value leads back to a field of a document goes by that field's name in Python (its ``key``), whatever
the ERP calls it, so that the code that books is the same for every profile.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Column, DefaultClause, MetaData, Table
from sqlalchemy.sql.schema import RETAIN_SCHEMA

from malote.erp import tables
from malote.erp.profiles.errors import ProfileError
from malote.erp.profiles.functions import Compiled, Inverse, Row, Surroundings, compiled
from malote.erp.profiles.post import CALLS
from malote.erp.profiles.profile import FIELDS, PARTS, MappedPart, Part, Profile, Written, built_in
from malote.erp.profiles.shapes import shape_of
from malote.erp.profiles.syntax import Constant, Expression, ExpressionError, Field, parse
from malote.erp.values import Words

# What changes after a sale is booked, and therefore can't be mixed with anything else, nor copied to its lines.
CANCELLED = frozenset({"cancelled_at"})
PROTOCOL = frozenset({"protocol_number", "protocol_status", "protocol_at"})
ERP_ID = "erp_id"  # beside the fields of a sale that the ERP's own statements booked: what the ERP calls it
STAMPED = "posted_at"  # by the database, as the column's default
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


class Target(msgspec.Struct, frozen=True):
    """One column of the ERP and what goes into it."""

    column: str
    key: str
    expression: Expression
    compiled: Compiled

    @property
    def bare(self) -> str | None:
        """The field, where the column holds one and nothing else is done to it."""
        match self.expression:
            case Field(name=name, of_sale=False):
                return name
        return None

    @property
    def inserted(self) -> bool:
        """Whether it is written with the row: what the database stamps and what comes later are not."""
        return self.bare not in {STAMPED, *CANCELLED}


class MappedTable:
    """One table of the ERP. ``plain`` where each column holds just the field it is called after, as in Malote's own."""

    def __init__(self, part: Part, table: Table, targets: Sequence[Target]) -> None:
        self.part = part
        self.table = table
        self.targets = tuple(targets)
        self.inserted = tuple(target for target in targets if target.inserted)
        self.plain = all(target.bare == target.key for target in self.inserted) and {
            target.key for target in self.inserted
        } == {column.name for column in FIELDS[part].columns} - {STAMPED, *CANCELLED}
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

    def change(self, fields: Row) -> Row:
        """What an UPDATE sets when these fields change: every column that is made of them."""
        return {
            target.key: target.compiled.value(fields, fields)
            for target in self.targets
            if target.compiled.fields and all(field.name in fields for field in target.compiled.fields)
        }

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
        self._parts = {part: made for part in PARTS if (made := self._part(part)) is not None}
        _refuse_unusable(self)

    def _part(self, part: Part) -> MappedTable | None:
        mapped = self.profile.part(part)
        if mapped is None:
            return None
        targets = _targets(self.profile, part, mapped)
        columns = [_column(part, target) for target in targets]
        if self.profile.post is not None:
            columns.append(Column(ERP_ID, Words(4000)))
        table = Table(self._prefix + mapped.table, self.metadata, *columns, schema=self.schema)
        return MappedTable(part, table, targets)

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
    def payment(self) -> MappedTable | None:
        return self._parts.get("payment")

    @property
    def stock(self) -> MappedTable | None:
        return self._parts.get("stock")

    @property
    def cancellation(self) -> MappedTable | None:
        return self._parts.get("cancellation")

    @property
    def number_void(self) -> MappedTable | None:
        return self._parts.get("number_void")

    @property
    def parts(self) -> Iterable[MappedTable]:
        return self._parts.values()

    @property
    def complete(self) -> bool:
        """Whether a sale can be read back with everything in it that is compared."""
        return not any(
            {column.name for column in FIELDS[part].columns} - _NOT_COMPARED - self._exactly(part)
            for part in ("sale", "item", "payment")
        )

    def wanted(self, part: Part) -> frozenset[str]:
        """Fields of a part that go into any column of any table."""
        mapped = self.part(part)
        return (mapped.used() if mapped else frozenset()) | self._copied(part)

    @property
    def tells_money(self) -> bool:
        """Whether goods and money of a booked sale can be read back exactly. Payments count where they are booked."""
        return self.item is not None and not any(
            names - self._exactly(part) for part, names in _MONEY.items() if self.part(part)
        )

    def left_out(self) -> list[str]:
        """What goes nowhere by this profile: ``payment`` for a part, ``item.cbs_rate`` for a field."""
        if (post := self.profile.post) is not None:
            return [f"post.{which}" for which in CALLS if post.statements(which) is None]
        out: list[str] = []
        for part in PARTS:
            mapped = self.part(part)
            if mapped is None:
                out.append(part)
                continue
            used = mapped.used() | self._copied(part)
            out += [f"{part}.{column.name}" for column in FIELDS[part].columns if column.name not in used | {STAMPED}]
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


def _targets(profile: Profile, part: Part, mapped: MappedPart) -> list[Target]:
    shapes = {name: {column.name: shape_of(column.type) for column in FIELDS[name].columns} for name in (part, "sale")}
    copied = {name: shape for name, shape in shapes["sale"].items() if name not in {STAMPED, *CANCELLED, *PROTOCOL}}
    targets: list[Target] = []
    taken: set[str] = set()
    for place, (column, written) in enumerate(mapped.columns.items()):
        around = Surroundings(
            column=f"{mapped.table}.{column}",
            row=shapes[part],
            sale=copied if part in ("item", "payment") else {},
            lookups=profile.lookup,
        )
        expression = _expression(written, around.column, profile.name)
        try:
            made = compiled(expression, around)
            _refuse_mixture(expression, made)
        except ExpressionError as error:
            raise ProfileError(f"{profile.name}: {around.column}", str(error)) from error
        key = made.readable
        if key is None or key in taken:
            key = f"x{place}"
        taken.add(key)
        targets.append(Target(column, key, expression, made))
    return targets


def _expression(written: Written, column: str, profile: str) -> Expression:
    if not isinstance(written, str):
        return Constant(written)
    try:
        return parse(written)
    except ExpressionError as error:
        raise ProfileError(f"{profile}: {column}", str(error)) from error


def _refuse_mixture(expression: Expression, made: Compiled) -> None:
    names = {field.name for field in made.fields if not field.of_sale}
    if STAMPED in names and not isinstance(expression, Field):
        raise ExpressionError(f"{STAMPED} is the database's own default, and nothing can be done to it")
    for later in (CANCELLED, PROTOCOL):
        if names & later and names - later:
            raise ExpressionError(f"{', '.join(sorted(names & later))} come later than the rest, and can't be mixed")


def _column(part: Part, target: Target) -> Column[Any]:
    """As Malote's own where the column holds a bare field; otherwise of the expression's shape."""
    own = FIELDS[part].c[target.bare] if target.bare else None
    in_key = _in_key(part, target)
    if own is None:
        made = target.compiled.shape.column_type()
        return Column(target.column, made, key=target.key, primary_key=in_key, nullable=not in_key, autoincrement=False)
    return Column(
        target.column,
        own.type,
        key=target.key,
        primary_key=in_key,
        nullable=own.nullable,
        server_default=_default_of(own),
        autoincrement=False,
    )


def _default_of(own: Column[Any]) -> Any:
    return own.server_default.arg if isinstance(own.server_default, DefaultClause) else None


def _in_key(part: Part, target: Target) -> bool:
    """Whether the column is of the key of a table that Malote makes. Of stock it is every one but the quantity."""
    fields = {field.name for field in target.compiled.fields if not field.of_sale}
    if part == "stock":
        return "quantity" not in fields
    return target.key in FIELDS[part].primary_key.columns


def _refuse_unusable(made: ErpTables) -> None:
    for part, wanted in _OWN_COLUMN.items():
        mapped = made.part(part)  # type: ignore[arg-type]
        if mapped is None:
            continue
        bare = {target.bare for target in mapped.targets if target.key == target.bare}
        if wanted - bare:
            raise _unusable(made, part, f"needs columns of their own for {', '.join(sorted(wanted - bare))}")
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


def _unusable(made: ErpTables, part: str, why: str) -> ProfileError:
    return ProfileError(f"{made.profile.name}: {part}", why)


BUILT_IN = ErpTables(built_in())
