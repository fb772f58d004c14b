"""How PostgreSQL quotes names and calls types."""

from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql.base import PGDialect

DIALECT: Dialect = PGDialect()  # type: ignore[no-untyped-call]
