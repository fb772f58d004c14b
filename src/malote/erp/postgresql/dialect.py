"""How PostgreSQL quotes names and calls types, and what every connection to it is told."""

from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql.base import PGDialect

DIALECT: Dialect = PGDialect()  # type: ignore[no-untyped-call]

# For every connection to PostgreSQL: the server converts. Without it a database of SQL_ASCII answers in bytes, and one
# of LATIN1 can't even be asked about a name it can't spell.
CHARACTERS = {"client_encoding": "UTF8"}
