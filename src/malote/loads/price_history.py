"""Which price had a product, at a till or in the newest version, now or at a moment: from the versions' history."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from malote.database.load_tables import load_row, load_version
from malote.loads import entity_rows
from malote.loads.load_reports import PriceFound
from malote.loads.published_rows import by_column, is_of

NONE_CHOSEN: Mapping[str, int] = MappingProxyType({})
_PRICE, _PACKAGE = "price", "package"


def prices(
    connection: Connection, product: str, version: int, moment: float, chosen: Mapping[str, int] = NONE_CHOSEN
) -> list[PriceFound]:
    """The product's rows of the price list at a version, valid or not at that moment. ``product``: its code, or a
    barcode of it. ``chosen``: keys of rows that are of another version than the rest."""
    found = _of_code(connection, product, version, moment, chosen)
    if found:
        return found
    return _of_code(connection, _product_of(connection, product, version), version, moment, chosen)


def _of_code(
    connection: Connection, code: str, version: int, moment: float, chosen: Mapping[str, int]
) -> list[PriceFound]:
    first = msgspec.json.encode([code])[:-1].decode()
    some = {key: of for key, of in chosen.items() if key.startswith(first)}
    found = _rows_of(connection, code, version, moment)
    for of in sorted(set(some.values())):
        keys = {key for key, at in some.items() if at == of}
        found = {key: row for key, row in found.items() if key not in keys}
        found |= {key: row for key, row in _rows_of(connection, code, of, moment).items() if key in keys}
    return [found[key] for key in sorted(found)]


def _rows_of(connection: Connection, product: str, version: int, moment: float) -> dict[str, PriceFound]:
    state = entity_rows.state_of(connection, _PRICE, version)
    if state is None or not product:
        return {}
    entity = entity_rows.entity_of(connection, state[0])
    at = spelt(moment)
    query = (
        select(load_row.c.key, load_row.c.content, load_row.c.version_from, load_version.c.made_at)
        .outerjoin(load_version, load_version.c.id == load_row.c.version_from)
        .where(load_row.c.entity_id == state[0], _begins(product), is_of(state[1].version))
        .order_by(load_row.c.key)
    )
    found = {}
    for row in connection.execute(query):
        values = by_column(entity, tuple(msgspec.json.decode(row.content)))
        key = bytes(row.key).decode()
        found[key] = PriceFound(values, row.version_from, row.made_at, is_valid(values, at))
    return found


def promotions(connection: Connection, product: str, version: int, moment: float) -> list[dict[str, Any]]:
    """The product's promotions that were valid then. All of a version are looked through: there are few."""
    state = entity_rows.state_of(connection, "promotion", version)
    if state is None:
        return []
    entity = entity_rows.entity_of(connection, state[0])
    at = spelt(moment)
    # By the text of the key, which has the code first: a part of it can only stand where the product's does.
    within = load_row.c.key.contains(msgspec.json.encode(product))
    query = select(load_row.c.content).where(load_row.c.entity_id == state[0], is_of(state[1].version), within)
    rows = [by_column(entity, tuple(msgspec.json.decode(content))) for content in connection.scalars(query)]
    return [one for one in rows if one["product_code"] == product and is_valid(one, at)]


def spelt(moment: float) -> str:
    """As the rows have it; ``moment``: seconds since the epoch."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_valid(values: dict[str, Any], at: str) -> bool:
    """``at``: as ``spelt``."""
    begins, ends = values.get("valid_from"), values.get("valid_until")
    return (begins is None or begins <= at) and (ends is None or at < ends)


def _begins(product: str) -> Any:
    """Keys are JSON arrays, compared byte by byte: those of a product stand together, and of no other."""
    first = msgspec.json.encode([product])[:-1]
    return (load_row.c.key >= first) & (load_row.c.key < first + b"\xff")


def _product_of(connection: Connection, barcode: str, version: int) -> str:
    state = entity_rows.state_of(connection, _PACKAGE, version)
    if state is None:
        return ""
    entity = entity_rows.entity_of(connection, state[0])
    key = msgspec.json.encode([barcode])
    mine = (load_row.c.entity_id == state[0]) & (load_row.c.key == key) & is_of(state[1].version)
    content = connection.execute(select(load_row.c.content).where(mine)).scalar_one_or_none()
    if content is None:
        return ""
    return str(by_column(entity, tuple(msgspec.json.decode(content)))["product_code"])
