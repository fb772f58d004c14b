"""What the production database has of the tables Malote fills."""

from sqlalchemy import Connection, Dialect, inspect
from sqlalchemy.schema import CreateTable

from malote.erp import tables


def create(connection: Connection) -> None:
    """Creates the tables that are absent; never alters or drops one. Two at once must be kept apart by the caller."""
    for table in tables.metadata.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))


def statements(dialect: Dialect) -> list[str]:
    """The same as text."""
    return [
        str(CreateTable(table, if_not_exists=True).compile(dialect=dialect)) for table in tables.metadata.sorted_tables
    ]


def missing(connection: Connection) -> list[str]:
    """What Malote needs and the database lacks: ``sale_item`` for a table, ``sale_item.cbs_rate`` for a column."""
    inspector = inspect(connection)
    present = {*inspector.get_table_names(), *inspector.get_view_names()}
    lacking: list[str] = []
    for table in tables.metadata.sorted_tables:
        if table.name not in present:
            lacking.append(table.name)
            continue
        columns = {column["name"] for column in inspector.get_columns(table.name)}
        lacking += [f"{table.name}.{column.name}" for column in table.columns if column.name not in columns]
    return lacking
