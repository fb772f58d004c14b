"""How PostgreSQL spells types, defaults and conditions of a structure."""

import re

from malote.schema.definition import Column, decimal_parts

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


POSTGRESQL = Postgresql()
