"""Which price has this till, and which had it at that time: from its rows and their validity then."""

import sqlite3
from typing import Any

import msgspec

from malote.load_format.entity import Entity, Row
from malote.till.loads import held_entities, overwritten, server_time
from malote.till.loads.held_entities import AppliedLoad, HeldEntity
from malote.till.loads.loads_database import LoadsError
from malote.till.loads.row_tables import FROM, Stored, valid_at
from malote.till.loads.server_time import ServerTime

PRICE, PACKAGE = "price", "package"


class TillPrices(msgspec.Struct, frozen=True):
    """``rows``: of each unit and region that is priced apart, by column; ``valid_from`` None: it always was.
    ``version``: of the load that was in force ``at``, since ``applied_at``; both in seconds since the epoch."""

    product: str
    at: float
    version: int
    applied_at: int
    rows: list[dict[str, Any]]


class _Moment(msgspec.Struct, frozen=True):
    """``at``: by the server's clock."""

    at: float
    known: ServerTime


def ask(connection: sqlite3.Connection, product: str, at: float, *, is_now: bool = False) -> TillPrices:
    """``product``: its code, or a barcode of it. ``at``: by the till's clock; ``is_now``: what it says now. Raises
    ``LoadsError`` ``loads_history_short`` for a time that the till doesn't remember."""
    inforce, known = _in_force(connection, at), server_time.read(connection)
    moment = _Moment(known.now(at) if is_now else known.then(at), known)
    code = product
    rows = _valid_rows(connection, code, inforce, moment)
    if not rows:
        code = _of_barcode(connection, product)
        rows = _valid_rows(connection, code, inforce, moment) if code else []
    return TillPrices(code or product, at, inforce.version, inforce.at, rows)


def _in_force(connection: sqlite3.Connection, at: float) -> AppliedLoad:
    """The change after which the till was as it was then."""
    kept = overwritten.kept(connection)
    for one in held_entities.history(connection, overwritten.MOST_HISTORY):
        if one.at <= at:
            return one
        if one.changed and one.id not in kept:
            break  # forgotten, or taken back: what stood there before it is not here
    else:
        return held_entities.NOTHING
    raise LoadsError("loads_history_short")


def _valid_rows(
    connection: sqlite3.Connection, code: str, inforce: AppliedLoad, moment: _Moment
) -> list[dict[str, Any]]:
    """Of what is priced apart, the one that began last."""
    held, rows = _as_then(connection, code, inforce.id)
    if held is None:
        return []
    entity, found = held.entity, {}
    for row in sorted(rows, key=lambda row: str(_value(entity, row, FROM))):
        if valid_at(entity, row, moment.at, moment.known.zone_shift):
            found[tuple(_value(entity, row, name) for name in entity.key if name != FROM)] = row
    return [
        {column.name: column.told(value) for column, value in zip(entity.columns, row, strict=True)}
        for row in found.values()
    ]


def _value(entity: Entity, row: Row, name: str) -> Any:
    return next((row[place] or "" for place, column in enumerate(entity.columns) if column.name == name), "")


def _as_then(connection: sqlite3.Connection, code: str, after: int) -> tuple[HeldEntity | None, list[Row]]:
    """The rows of a product after that change: those of now, gone back over each later one."""
    held = held_entities.all_held(connection).get(PRICE)
    rows = _rows(connection, held, code)
    query = "SELECT applied FROM _undo_entity WHERE applied > ? AND name = ? ORDER BY applied DESC"
    for (applied,) in connection.execute(query, (after, PRICE)).fetchall():
        before = overwritten.entities(connection, applied)[PRICE]
        if before is None or held is None or before.place != held.place:
            rows = _rows(connection, before, code)
        else:
            place = before.entity.key.index(before.table.asked_by)
            for key, stored in overwritten.rows(connection, applied, PRICE):
                if key[place] == code:
                    rows.pop(key, None)
                    rows |= {} if stored is None else {key: stored}
        held = before
    return held, [held.table.row_of(row) for row in rows.values()] if held else []


def _rows(connection: sqlite3.Connection, held: HeldEntity | None, code: str) -> dict[tuple[Any, ...], Stored]:
    if held is None:
        return {}
    table = held.table
    return {table.key_of(stored): stored for stored in table.find_by_first(connection, code)}


def _of_barcode(connection: sqlite3.Connection, barcode: str) -> str:
    held = held_entities.all_held(connection).get(PACKAGE)
    if held is None or len(held.entity.key) != 1:
        return ""
    found = held.table.find(connection, (barcode,))
    return str(_value(held.entity, held.table.row_of(found), "product_code")) if found is not None else ""
