"""How SQLite spells types, defaults and conditions of a structure. Every till's own database is one."""

from malote.schema.definition import Column, decimal_parts

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


def _affinity(declared: str) -> str:
    """SQLite's own rule for what a declared type means."""
    text = declared.upper()
    for affinity, marks in (("integer", ("INT",)), ("text", ("CHAR", "CLOB", "TEXT")), ("blob", ("BLOB",))):
        if any(mark in text for mark in marks):
            return affinity
    if not text:
        return "blob"
    return "real" if any(mark in text for mark in ("REAL", "FLOA", "DOUB")) else "numeric"


SQLITE = Sqlite()
