"""An index over some of a table's rows, on SQLite and PostgreSQL alike.

Its condition is given to SQLAlchemy's dialects once DDL is written, and not with the table: it would load them both.
"""

from functools import cached_property
from typing import Any

from sqlalchemy import Column, Index, TextClause

_ENGINES = ("sqlite", "postgresql")


class PartialIndex(Index):
    """``where``: of which rows."""

    def __init__(self, name: str, *columns: str | Column[Any], where: TextClause, unique: bool = False) -> None:
        super().__init__(name, *columns, unique=unique)
        self.where = where

    @cached_property
    def dialect_options(self) -> Any:
        options = Index.dialect_options.fget(self)
        for engine in _ENGINES:
            options[engine]["where"] = self.where
        return options
