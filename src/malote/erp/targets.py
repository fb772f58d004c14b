"""The columns of one table of the ERP, made from its profile: what goes into each, and of what type it is."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Column, DefaultClause, Identity
from sqlalchemy.types import TypeEngine

from malote.erp.profiles.compiled_expression import Compiled, ExpressionNames
from malote.erp.profiles.compiling import compiled
from malote.erp.profiles.errors import ProfileError
from malote.erp.profiles.of_sale import ITEM_COUNT, PAID
from malote.erp.profiles.profile import FIELDS, MappedPart, Part, Profile, Written
from malote.erp.profiles.shapes import Shape, shape_of
from malote.erp.profiles.syntax import PART_OF_KEY, Constant, Expression, ExpressionError, Field, parse
from malote.erp.values import AsHeld, GeneratedKey

# What changes after a sale is booked, and therefore can't be mixed with anything else, nor copied to its lines.
CANCELLED = frozenset({"cancelled_at"})
PROTOCOL = frozenset({"protocol_number", "protocol_status", "protocol_at"})
STAMPED = "posted_at"  # by the database, as the column's default
KEY = "key"  # what the ERP calls a sale or an item, where it numbers them itself
ITEM_KEY = "item.key"
_ANY = Shape("any")
_LINES = frozenset({"item", "payment"})
# Where the ERP's tables are of ordinary design, more parts have the sale's fields, and some have fields of their own.
_ORDINARY_LINES = _LINES | {"note", "tax", "movement", "stock", "cancellation"}


class ColumnTarget(msgspec.Struct, frozen=True):
    """One column of the ERP and what goes into it."""

    column: str
    key: str
    expression: Expression
    compiled: Compiled
    by_database: bool = False

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
        return not self.by_database and self.bare not in {STAMPED, *CANCELLED}

    def told_by(self, row: Mapping[str, Any], sale: Mapping[str, Any]) -> bool:
        """Whether these fields tell its value, and the ERP needn't be asked first."""
        here = (field.name in (sale if field.of_sale else row) for field in self.compiled.fields)
        return not self.compiled.asks and all(here)


class Link(msgspec.Struct, frozen=True):
    """The columns by which rows of a sale are found, and under which names a sale's row has what stands in them."""

    targets: tuple[ColumnTarget, ...]
    fields: tuple[str, ...]

    def by_key(self, sale: Mapping[str, Any]) -> dict[str, Any]:
        return {target.key: sale[field] for target, field in zip(self.targets, self.fields, strict=True)}

    def by_column(self, sale: Mapping[str, Any]) -> dict[str, Any]:
        return {target.column: sale[field] for target, field in zip(self.targets, self.fields, strict=True)}


def link_of(part: Part, targets: Sequence[ColumnTarget], several: Sequence[str]) -> Link | None:
    """How rows of a sale are found in a table: by the ERP's own key of it, of ``several`` columns where there are any,
    or by the access key. None where neither is there."""
    fields = tuple(PART_OF_KEY + column for column in several)
    if part == "sale":
        by_key = {PART_OF_KEY + one.column: one for one in targets}
        own = next((one for one in targets if one.bare == KEY), None)
    else:
        by_key = {one.expression.name: one for one in targets if isinstance(one.expression, Field)}
        own = next((one for one in targets if one.expression == Field(KEY, of_sale=True)), None)
    if several and all(field in by_key for field in fields):
        return Link(tuple(by_key[field] for field in fields), fields)
    if own is not None and not several:
        return Link((own,), (KEY,))
    access_key = next((one for one in targets if one.bare == one.key == "access_key"), None)
    return Link((access_key,), ("access_key",)) if access_key else None


def targets_of(profile: Profile, part: Part, mapped: MappedPart) -> list[ColumnTarget]:
    """Raises ``ProfileError``."""
    row, sale = _shapes(profile, part), _sale_shapes(profile, part)
    written = {mapped.numbered: KEY} if mapped.numbered else {}
    targets: list[ColumnTarget] = []
    for place, column in enumerate(mapped.made):
        field = Field(PART_OF_KEY + column if mapped.several else KEY)
        around = ExpressionNames(f"{mapped.table}.{column}", row, sale, {})
        named = f"made{place}" if mapped.several else KEY
        targets.append(ColumnTarget(column, named, field, compiled(field, around), by_database=True))
    taken = {target.key for target in targets}
    for place, (column, said) in enumerate({**mapped.columns, **written}.items()):
        around = ExpressionNames(f"{mapped.table}.{column}", row, sale, profile.lookup, profile.query)
        expression = _expression(said, around.column, profile.name)
        try:
            made = compiled(expression, around)
            _refuse_mixture(expression, made)
        except ExpressionError as error:
            raise ProfileError(f"{profile.name}: {around.column}", str(error)) from error
        key = made.readable
        if key is None or key in taken:
            key = f"x{place}"
        taken.add(key)
        targets.append(ColumnTarget(column, key, expression, made))
    return targets


def _shapes(profile: Profile, part: Part) -> dict[str, Shape]:
    """The fields that a row of this part has."""
    shapes = _of(part)
    if profile.state is None:
        return shapes
    mapped = profile.part(part)
    if mapped is not None and mapped.key:
        shapes |= dict.fromkeys((KEY, *(PART_OF_KEY + column for column in mapped.several)), _ANY)
    match part:
        case "sale" | "note":
            shapes |= {PAID: _ANY, ITEM_COUNT: Shape("integer")}
        case "payment":
            shapes["change"] = Shape("money")
        case "tax" if profile.item and profile.item.key:
            shapes[ITEM_KEY] = _ANY
        case "stock":
            shapes = _of("item") | shapes
    return shapes


def _sale_shapes(profile: Profile, part: Part) -> dict[str, Shape]:
    """The fields of its sale that it may use."""
    if part not in (_LINES if profile.state is None else _ORDINARY_LINES):
        return {}
    shapes = {name: shape for name, shape in _of("sale").items() if name not in {STAMPED, *CANCELLED, *PROTOCOL}}
    if several := profile.sale.several:
        return shapes | {PART_OF_KEY + column: _ANY for column in several}
    return shapes | ({KEY: _ANY} if profile.sale.key else {})


def _of(part: Part) -> dict[str, Shape]:
    return {column.name: shape_of(column.type) for column in FIELDS[part].columns}


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


def column_of(part: Part, target: ColumnTarget, *, ordinary: bool, like: TypeEngine[Any] | None = None) -> Column[Any]:
    """As Malote's own where the column holds a bare field; otherwise of the expression's shape. ``like``: the type of
    what it holds of its sale's key."""
    if like is not None:
        return Column(target.column, AsHeld(like), key=target.key, autoincrement=False)
    if target.by_database:
        return Column(target.column, GeneratedKey, Identity(), key=target.key, primary_key=True)
    own = FIELDS[part].c.get(target.bare) if target.bare else None
    in_key = (part == "stock" or not ordinary) and _in_key(part, target)
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


def _in_key(part: Part, target: ColumnTarget) -> bool:
    """Whether the column is of the key of a table that Malote makes. Of stock it is every one but the quantity."""
    fields = {field.name for field in target.compiled.fields if not field.of_sale}
    if part == "stock":
        return "quantity" not in fields
    return target.key in FIELDS[part].primary_key.columns
