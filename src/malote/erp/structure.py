"""What the production database has of the tables Malote fills."""

from sqlalchemy import Connection, Dialect, Table, inspect
from sqlalchemy.schema import CreateTable

from malote.erp.mapping import BUILT_IN, ErpTables
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
