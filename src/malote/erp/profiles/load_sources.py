"""Where an ERP keeps what tills sell with: ``[load.product]`` and so on of a profile. docs/loads.md."""

import re
from typing import Literal

import msgspec

from malote.erp.profiles.errors import ProfileError

_BEGINS = re.compile(r"\s*(select|with)\b", re.IGNORECASE)
_CONSTANT = re.compile(r"'(?:[^']|'')*'")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_COLUMN = re.compile(r"[^\W\d](?:[\w$# -]{0,61}[\w$#])?")


class LoadColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column that Malote's entity lacks, or has otherwise. ``column``: the ERP's name for it."""

    column: str | int | bool
    kind: Literal["text", "integer", "decimal", "boolean", "date", "instant"] = "text"
    required: bool = False
    scale: int = 2
    longest: int = 255
    personal: bool = False


class LoadSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table, or one SELECT, of the ERP.

    ``columns``: of the entity, each by the ERP's column, or a constant (a number, a quoted text). ``where``: which rows
    are this store's; ``:name`` in it and in ``sql`` is a value of ``loads.parameters``. ``changed``: a column that
    grows with each change, a number or a time; ``overlap`` is how far back it is read again each time (numbers or
    seconds), for what was written before and committed later. ``gone``: a column that is true of what is no more.
    ``key``: of an entity that Malote doesn't know. ``may_be_empty``: whether tills may have it without a row.
    """

    columns: dict[str, str | int | bool | LoadColumn]
    table: str = ""
    sql: str = ""
    where: str = ""
    changed: str = ""
    overlap: int = 300
    gone: str = ""
    key: list[str] = []
    may_be_empty: bool = False

    def refuse_unusable(self, where: str) -> None:
        """Raises ``ProfileError``."""
        if bool(self.table) == bool(self.sql):
            raise ProfileError(where, "needs either table or sql")
        if self.sql and (";" in self.sql or not _BEGINS.match(self.sql)):
            raise ProfileError(where, "sql must be one SELECT, without a semicolon")
        if ";" in self.where:
            raise ProfileError(where, "where is a condition, without a semicolon")
        if self.overlap < 0:
            raise ProfileError(where, "overlap is a number of seconds or of changes, from 0")
        named = [*self.table.split("."), self.changed, self.gone]
        named += [one for one in map(source_of, self.columns.values()) if isinstance(one, str)]
        for name in named:
            if name and not _CONSTANT.fullmatch(name) and not _COLUMN.fullmatch(name):
                raise ProfileError(where, f"{name[:70]!r} can't be the name of a table or column here")
        for name in self.columns:
            if not _NAME.fullmatch(name):
                raise ProfileError(where, f"{name[:70]!r} is no name of a column: small letters, digits and _")


def source_of(written: str | int | bool | LoadColumn) -> str | int | bool:
    """The ERP's column, or a constant."""
    return written.column if isinstance(written, LoadColumn) else written


def constant_of(written: str) -> str | None:
    """The text of a quoted constant; None for the name of a column."""
    return written[1:-1].replace("''", "'") if _CONSTANT.fullmatch(written) else None
