"""What the production database has of the tables Malote fills."""

from collections.abc import Sequence

from sqlalchemy import Connection, Dialect, Inspector, Table, inspect
from sqlalchemy.schema import CreateTable

from malote.erp.mapping import BUILT_IN, ErpTables, plain
from malote.erp.profiles.profile import BUILT_IN as BUILT_IN_NAME


def wanted(tables: ErpTables, *, everything: bool) -> list[Table]:
    """What Malote creates: all of its own tables, but of an ERP's only the ledger, unless ``everything`` is asked."""
    if everything or tables.profile.name == BUILT_IN_NAME or tables.profile.post is not None:
        return list(tables.metadata.sorted_tables)
    return [tables.ledger] if tables.state is None else [tables.ledger, tables.state]


def create(connection: Connection, wanted: list[Table]) -> None:
    """Creates the tables that are absent; never alters or drops one. Two at once must be kept apart by the caller."""
    for table in wanted:
        connection.execute(CreateTable(table, if_not_exists=True))


def statements(dialect: Dialect, tables: ErpTables = BUILT_IN) -> list[str]:
    """The same as text, for all tables."""
    return [
        str(CreateTable(table, if_not_exists=True).compile(dialect=dialect)) for table in tables.metadata.sorted_tables
    ]


def ledger_harms(connection: Connection, tables: ErpTables) -> list[str]:
    """What keeps Malote's own tables there from being its guard: a table that is gone (by its name), or a view now
    (``(view)`` behind it), a column that is gone, one that must be filled and isn't Malote's, a lost unique key."""
    inspector = inspect(connection)
    views = {*inspector.get_view_names(tables.schema)}
    harms: list[str] = []
    for table, key in _own(tables):
        if not inspector.has_table(table.name, table.schema):
            harms.append(plain(table.name))
        elif table.name in views:
            harms.append(f"{plain(table.name)} (view)")
        else:
            there = {plain(str(column["name"])): column for column in inspector.get_columns(table.name, table.schema)}
            own = [plain(column.name) for column in table.columns]
            harms += [f"{plain(table.name)}.{name}" for name in own if name not in there]
            harms += [
                f"{plain(table.name)}.{name}"
                for name, column in there.items()
                if name not in own and not column["nullable"] and column["default"] is None
            ]
            harms += _without_key(inspector, table, key)
    return harms


def lost_keys(connection: Connection, tables: ErpTables) -> list[str]:
    """Which of Malote's own tables lost the unique key that keeps anything from being booked twice. Of what is no table
    itself, such as a view or a synonym of one elsewhere, nothing is said."""
    inspector = inspect(connection)
    names = {*inspector.get_table_names(tables.schema)}
    return [one for table, key in _own(tables) if table.name in names for one in _without_key(inspector, table, key)]


def _own(tables: ErpTables) -> list[tuple[Table, str]]:
    state = [(tables.state, "access_key")] if tables.state is not None else []
    return [(tables.ledger, "identity"), *state]


def _without_key(inspector: Inspector, table: Table, key: str) -> list[str]:
    place = (table.name, table.schema)
    keys: list[Sequence[str | None]] = [
        inspector.get_pk_constraint(*place)["constrained_columns"],
        *(one["column_names"] for one in inspector.get_unique_constraints(*place)),
        *(one["column_names"] for one in inspector.get_indexes(*place) if one["unique"]),
    ]
    alike = any([plain(str(name)) for name in one] == [plain(key)] for one in keys)
    return [] if alike else [f"{plain(table.name)} ({plain(key)})"]


def missing(connection: Connection, tables: ErpTables) -> list[str]:
    """What Malote needs and the database lacks: ``sale_item`` for a table, ``sale_item.cbs_rate`` for a column."""
    inspector = inspect(connection)
    present = {*inspector.get_table_names(tables.schema), *inspector.get_view_names(tables.schema)}
    lacking: list[str] = []
    for table in tables.metadata.sorted_tables:
        if table.name not in present:
            lacking.append(table.name)
            continue
        columns = {column["name"] for column in inspector.get_columns(table.name, tables.schema)}
        lacking += [f"{table.name}.{column.name}" for column in table.columns if column.name not in columns]
    return lacking
