"""How Oracle quotes names and calls types."""

from typing import Any

from sqlalchemy.dialects.oracle.oracledb import OracleDialect_oracledb

DIALECT: Any = OracleDialect_oracledb()  # type: ignore[no-untyped-call]
