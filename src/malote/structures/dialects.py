"""What engines spell differently: types, defaults, conditions. Nothing here knows a driver."""

import re
from typing import Protocol

from malote.structures.form import Column, decimal_parts

_CAST = re.compile(r"::[a-z_ ]+(\(\d+(,\d+)?\))?")
_NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)")


_POSTGRESQL_TYPES = {
    "integer": "integer",
    "bigint": "bigint",
    "smallint": "smallint",
    "double": "double precision",
    "boolean": "boolean",
    "text": "text",
    "key": 'text COLLATE "C"',
    "binary": "bytea",
    "moment": "timestamp with time zone",
    "clock": "timestamp without time zone",
    "date": "date",
}
_POSTGRESQL_WIDER = {
    "smallint": {"integer", "bigint", "numeric"},
    "integer": {"bigint", "numeric"},
    "bigint": {"numeric"},
    "text": {"character varying"},
    "key": {"text", "character varying"},
}

_SQLITE_TYPES = {
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "smallint": "SMALLINT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "text": "TEXT",
    "key": "TEXT",
    "binary": "BLOB",
    "moment": "TEXT",
    "clock": "DATETIME",
    "date": "DATE",
}


class Dialect(Protocol):
    """One engine's spelling."""

    name: str
    # Whether statements run one by one beside others' work, or all of them in one transaction.
    online: bool

    def type_of(self, portable: str) -> str: ...

    def fits(self, portable: str, found: str) -> bool:
        """Whether a column of the type ``found`` holds all that the portable type may."""
        ...

    def default_of(self, constant: str) -> str: ...

    def can_add(self, column: Column) -> bool:
        """Whether the column can be added to a table that holds rows, at once and without a lie in them."""
        ...


class Postgresql:
    name = "postgresql"
    online = True

    def type_of(self, portable: str) -> str:
        parts = decimal_parts(portable)
        return f"numeric({parts[0]},{parts[1]})" if parts else _POSTGRESQL_TYPES[portable]

    def fits(self, portable: str, found: str) -> bool:
        parts = decimal_parts(portable)
        if parts is None:
            return found == _POSTGRESQL_TYPES[portable] or found in _POSTGRESQL_WIDER.get(portable, ())
        wider = _NUMERIC.fullmatch(found)
        if wider is None:
            return found == "numeric"
        precision, scale = int(wider[1]), int(wider[2])
        return scale >= parts[1] and precision - scale >= parts[0] - parts[1]

    def default_of(self, constant: str) -> str:
        return "now()" if constant == "now" else constant

    def can_add(self, column: Column) -> bool:
        return column.nullable or column.default is not None or column.fill is not None


class Sqlite:
    name = "sqlite"
    online = False

    def type_of(self, portable: str) -> str:
        return "BIGINT" if decimal_parts(portable) else _SQLITE_TYPES[portable]

    def fits(self, portable: str, found: str) -> bool:
        return _affinity(found) == _affinity(self.type_of(portable))

    def default_of(self, constant: str) -> str:
        if constant == "now":
            return "(strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'))"
        return {"true": "1", "false": "0"}.get(constant, constant)

    def can_add(self, column: Column) -> bool:
        # It takes no default that must be computed.
        if column.default == "now":
            return False
        return column.nullable or column.default is not None or column.fill is not None


POSTGRESQL = Postgresql()
SQLITE = Sqlite()


def quoted(name: str) -> str:
    """A name for a statement. Names come from a structure that was checked, or from the database itself."""
    return '"' + name.replace('"', '""') + '"'


def same_text(wanted: str, found: str) -> bool:
    """Whether two defaults or conditions say the same, whatever the casts, brackets and spaces around them."""
    return _bare(wanted) == _bare(found)


def _bare(expression: str) -> str:
    plain = _CAST.sub("", expression.lower())
    return re.sub(r"[()\s\"]", "", plain)


def _affinity(declared: str) -> str:
    """SQLite's own rule for what a declared type means."""
    text = declared.upper()
    for affinity, marks in (("integer", ("INT",)), ("text", ("CHAR", "CLOB", "TEXT")), ("blob", ("BLOB",))):
        if any(mark in text for mark in marks):
            return affinity
    if not text:
        return "blob"
    return "real" if any(mark in text for mark in ("REAL", "FLOA", "DOUB")) else "numeric"
