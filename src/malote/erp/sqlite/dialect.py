"""How SQLite quotes names and calls types."""

from sqlalchemy import Dialect
from sqlalchemy.dialects.sqlite import dialect

DIALECT: Dialect = dialect()
