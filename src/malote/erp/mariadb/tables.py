"""Malote's tables on MariaDB: only InnoDB keeps a transaction, and keys are compared byte by byte."""

from typing import Any

from sqlalchemy import Connection, Table, bindparam, text
from sqlalchemy.dialects.mysql.pymysql import MySQLDialect_pymysql
from sqlalchemy.schema import CreateTable

from malote.erp.mapping import ErpTables
from malote.erp.profiles.checking import ProfileFault

DIALECT: Any = MySQLDialect_pymysql()

_OPTIONS = " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
_TRANSACTIONAL = ("InnoDB", "ROCKSDB")
_UNKEPT = text(
    "SELECT table_name AS name, engine AS engine FROM information_schema.tables"
    " WHERE table_schema = COALESCE(:place, DATABASE()) AND table_type = 'BASE TABLE' AND engine NOT IN :kept"
    " ORDER BY table_name"
).bindparams(bindparam("kept", expanding=True))


def created(table: Table) -> str:
    """The statement that makes the table, if it isn't there."""
    return str(CreateTable(table, if_not_exists=True).compile(dialect=DIALECT)).strip() + _OPTIONS


def without_transactions(connection: Connection, tables: ErpTables) -> dict[str, str]:
    """Tables of the ERP's whose engine takes nothing back, with that engine."""
    found = connection.execute(_UNKEPT, {"place": tables.schema, "kept": _TRANSACTIONAL})
    return {row.name: row.engine for row in found}


def faults(connection: Connection, tables: ErpTables) -> list[ProfileFault]:
    """Tables in which a sale would stay though its transaction was taken back: whoever writes to them books twice."""
    return [
        ProfileFault("table_untransacted", name, expected="InnoDB", found=engine)
        for name, engine in without_transactions(connection, tables).items()
    ]
