"""What the open transaction wrote, triggers and procedures included, row by row as it would stand."""

from collections.abc import Collection
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from malote.erp.protocol import Touched
from malote.erp.server_words import LONGEST, presentable

_TOUCHED = text(
    "SELECT relid::regclass::text, relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_xact_user_tables"
    " WHERE n_tup_ins + n_tup_upd + n_tup_del > 0 ORDER BY relname"
)
# Rows that are not committed and yet seen are this transaction's own, its savepoints' too.
_ROWS = (
    "SELECT row_to_json(r)::text FROM {table} AS r WHERE r.xmin::text::bigint >= txid_current() % 4294967296"
    " AND txid_status(txid_current() / 4294967296 * 4294967296 + r.xmin::text::bigint) = 'in progress' LIMIT {most}"
)
_MOST_ROWS = 20
_LONGEST_LOOK = text("SET LOCAL statement_timeout = '5s'")  # at one table, however large
_decode = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


def touched(connection: Connection, own: Collection[str], known: Collection[str]) -> list[Touched]:
    """``own``: tables of Malote's own, whose rows say nothing. ``known``: CNPJs that may be shown."""
    written = connection.execute(_TOUCHED).all()
    return [
        Touched(name, new, changed, gone, [] if name in own else _rows(connection, placed, known))
        for placed, name, new, changed, gone in written
    ]


def _rows(connection: Connection, placed: str, known: Collection[str]) -> list[dict[str, str]]:
    """The rows of a table, named as the database quotes it, that this transaction has written."""
    try:
        with connection.begin_nested():
            connection.execute(_LONGEST_LOOK)
            found = connection.scalars(text(_ROWS.format(table=placed.replace(":", "\\:"), most=_MOST_ROWS))).all()
    except DBAPIError:
        return []
    return [{name: _shown(value, known) for name, value in _decode(row).items()} for row in found]


def _shown(value: Any, known: Collection[str]) -> str:
    """Without people's data: it goes to a screen, and from there into a message to somebody."""
    if value is None:
        return "–"
    if not isinstance(value, dict | list):
        return presentable(str(value), known=known)
    said = _encode(_hidden(value, known)).decode()
    return said if len(said) <= LONGEST else said[: LONGEST - 1] + "…"


def _hidden(value: Any, known: Collection[str]) -> Any:
    """Of JSON what it says is hidden where any other text would be; its marks of quotation are no quotation."""
    match value:
        case dict():
            return {presentable(name, known=known): _hidden(one, known) for name, one in value.items()}
        case list():
            return [_hidden(one, known) for one in value]
        case str():
            return presentable(value, known=known)
    return value
