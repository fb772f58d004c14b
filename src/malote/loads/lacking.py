"""Whether the catalogue that tills have lacks what a person is about to map to: asked before sales are booked under a
code that nobody has."""

from typing import Any

from sqlalchemy import Connection, Engine

from malote.database.engine import reading
from malote.load_format.wire import EntityState
from malote.loads import entity_rows, published_rows, rows_by_code
from malote.loads.published_rows import by_column


def product(engine: Engine, code: str) -> int | None:
    """The newest version, where it has products, and this is neither one nor a barcode; None: it is there, or nothing
    says. What is filled up with zeros is the number behind them. Raises ``StoreError``."""
    spelt = {code, code.lstrip("0")} if code.isdigit() else {code}
    with reading(engine) as connection:
        version = entity_rows.newest_version(connection)
        if not _loaded(connection, "product", version):
            return None
        for entity in ("product", "package"):
            rows = rows_by_code.find(connection, entity, spelt, [version])
            if any(rows.at(one, version) for one in spelt):
                return None
    return version


def payment(engine: Engine, method: str) -> int | None:
    """The newest version, where it says which fiscal methods (tPag) the ERP's are, and this is none of them; None: it
    is there, or nothing says. Raises ``StoreError``."""
    with reading(engine) as connection:
        version = entity_rows.newest_version(connection)
        found = _loaded(connection, "payment_method", version)
        if found is None:
            return None
        entity = entity_rows.entity_of(connection, found[0])
    contents = published_rows.whole(engine, found[0], version)
    rows = [by_column(entity, published_rows.decoded(content)) for _, content in contents]
    known = {_method(row) for row in rows} - {""}
    return version if known and method not in known | {row.get("code") for row in rows} else None


def _method(row: dict[str, Any]) -> str:
    said = str(row.get("fiscal_method") or "")
    return said.zfill(2) if said else ""


def _loaded(connection: Connection, entity: str, version: int) -> tuple[int, EntityState] | None:
    found = entity_rows.states_at(connection, version).get(entity)
    return found if found is not None and found[1].rows else None
