"""Which rows a foreign key of the ERP's asked for in vain: of a document that it refused, each reference is looked up
in the table that it leads to, since databases name the constraint, and seldom all that it lacks.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Inspector, inspect, literal_column, select, text

from malote.erp import rows
from malote.erp.mapping import ErpTables, MappedTable, plain
from malote.erp.profiles.compiled_expression import UnmappedError
from malote.erp.protocol import ErpError, MissingReference, Posting
from malote.erp.targets import ColumnTarget
from malote.erp.values import OutOfRangeError, types_of
from malote.fiscal.documents import Sale

_OF_ITEMS = frozenset({"item", "tax", "stock", "movement"})


class _ForeignKey(msgspec.Struct, frozen=True):
    """``targets`` lead to ``columns`` of ``table``, as SQL has these names."""

    mapped: MappedTable
    targets: Sequence[ColumnTarget]
    table: str
    columns: Sequence[str]


def found(
    connection: Connection, error: ErpError, posting: Posting, tables: ErpTables, *, is_quoted: bool = False
) -> Iterator[MissingReference]:
    """Of a sale that ``error`` refused, what the foreign key leads to and isn't there; of one that the database doesn't
    name, all of the table's, or of all tables. What is written together with the sale is never looked up, nor what only
    the database knows. ``is_quoted``: what the database quoted is taken to be missing, and nothing is looked up. Raises
    what the driver raises."""
    sale = posting.document
    if not isinstance(sale, Sale):
        return
    for key in _keys(connection, error, tables):
        there: dict[tuple[Any, ...], bool] = {}
        has_others = not is_quoted and _has_rows(connection, key)
        for place, values in _values(key, sale, posting.till):
            if values not in there:
                quoted = all(str(value) in error.quoted for value in values)
                there[values] = not quoted if is_quoted else _is_there(connection, key, values)
            if not there[values]:
                fields = [frozenset(field.name for field in target.compiled.fields) for target in key.targets]
                said = tuple(zip(fields, map(str, values), strict=True))
                yield MissingReference(key.mapped.part, place, said, key.table, has_others)


def _keys(connection: Connection, error: ErpError, tables: ErpTables) -> Iterator[_ForeignKey]:
    inspector, wanted = inspect(connection), (error.reference or "").casefold()
    of_table = [one for one in tables.parts if error.facts.get("table") in (one.name, one.table.name)]
    for mapped in of_table or tables.parts:
        for found in _declared(inspector, mapped):
            if wanted and str(found["name"]).casefold() != wanted:
                continue
            by_column = {plain(target.column).casefold(): target for target in mapped.inserted}
            targets = [by_column.get(name.casefold()) for name in found["constrained_columns"]]
            known = [target for target in targets if target is not None]
            own = {plain(one.table.name) for one in tables.parts} | {tables.ledger_name}
            if len(known) == len(targets) and plain(found["referred_table"]) not in own:
                yield _ForeignKey(mapped, known, *_in_sql(connection, inspector, found))


def _declared(inspector: Inspector, mapped: MappedTable) -> Sequence[Any]:
    place = (mapped.table.name, mapped.table.schema)
    return inspector.get_foreign_keys(*place) if inspector.has_table(*place) else []


def _in_sql(connection: Connection, inspector: Inspector, found: Any) -> tuple[str, list[str]]:
    quote = connection.dialect.identifier_preparer.quote
    table, schema = found["referred_table"], found["referred_schema"]
    # SQLite lets the columns be left out, and means the key.
    columns = found["referred_columns"] or inspector.get_pk_constraint(table, schema)["constrained_columns"]
    return ".".join(quote(name) for name in (schema, table) if name), [quote(name) for name in columns]


def _values(key: _ForeignKey, sale: Sale, till: str) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """What stands in its columns, by place. A reference that is absent in part is none."""
    of_sale = rows.sale_row(sale, till)
    for place, row in _lines(key.mapped.part, sale, of_sale):
        if not all(target.told_by(row, of_sale) for target in key.targets):
            continue
        try:
            values = tuple(target.compiled.value(row, of_sale) for target in key.targets)
        except (OutOfRangeError, UnmappedError):
            continue
        if all(isinstance(value, str | int) and value != "" for value in values):
            yield place, values


def _lines(part: str, sale: Sale, of_sale: rows.Row) -> Iterator[tuple[int, rows.Row]]:
    if part in _OF_ITEMS:
        for place, row in enumerate(rows.item_rows(sale), 1):
            yield place, row | {"issuer": sale.issuer}
    elif part == "payment":
        yield from enumerate(rows.payment_rows(sale), 1)
    elif part in ("sale", "note"):
        yield 0, of_sale | {"cancelled_at": None}


def _is_there(connection: Connection, key: _ForeignKey, values: tuple[Any, ...]) -> bool:
    """Said as text, of which a server makes what the column holds."""
    alike = " AND ".join(f"{column} = :v{place}" for place, column in enumerate(key.columns))
    as_it_is = types_of(connection.dialect).ANY_TYPE
    said = {f"v{place}": value if as_it_is else str(value) for place, value in enumerate(values)}
    return connection.execute(text(f"SELECT 1 FROM {key.table} WHERE {alike}"), said).first() is not None  # noqa: S608 names of the catalogue, quoted


def _has_rows(connection: Connection, key: _ForeignKey) -> bool:
    """One row is fetched, in the way that every engine spells."""
    some: Any = select(literal_column("1")).select_from(text(key.table)).limit(1)
    return connection.execute(some).first() is not None
