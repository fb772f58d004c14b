"""Rows whose key changed at the ERP, as a look at what changed alone sees them: the new one stands there, the one of
before isn't among what was read, and would stay beside it at tills until all rows are compared (a product sold by the
piece and from now on by weight had two prices).

So of the things of which a key is new, and that something else is loaded of, the ERP is asked for all keys. The cost
follows the change: nothing is asked for a product that is new.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine

from malote.batches import batches
from malote.load_format.entity import Entity
from malote.loads import shelf_first
from malote.loads.erp_rows import ErpRows
from malote.loads.rises_put_off import LoadedRows, loaded_rows
from malote.loads.rows_by_code import CODES_AT_ONCE
from malote.loads.spared_rows import beginning_of_thing

NewRow = tuple[bytes, tuple[Any, ...]]  # key, and the values as they came


class Replaced(msgspec.Struct, frozen=True):
    """The ERP's ``key`` of a row that it has no longer. ``is_loaded``: tills have it under that key."""

    key: bytes
    is_loaded: bool


def find(engine: Engine, erp: Connection, rows: ErpRows, entity_id: int, new: Sequence[NewRow]) -> Iterator[Replaced]:
    """Of the things of ``new`` rows, what is loaded and has no row at the ERP; of one with a key that can't be read,
    nothing. Raises ``StoreError``, and the driver's errors of the ERP."""
    entity = rows.entity
    if len(entity.key) == 1 or not rows.tells_things_apart:
        return
    by_thing: dict[Any, list[NewRow]] = {}
    for key, values in new:
        by_thing.setdefault(msgspec.json.decode(key)[0], []).append((key, values))
    for codes in batches(by_thing, CODES_AT_ONCE):
        loaded = loaded_rows(engine, entity_id, codes)
        others = {code: _erp_keys(entity, loaded.get(code, {})) for code in codes}
        asked = [code for code in codes if others[code] - {key for key, _ in by_thing[code]}]
        there, unread = rows.keys_beside(erp, [by_thing[code][0][1] for code in asked])
        for code in asked:
            if not unread & {beginning_of_thing(code), b""}:
                for key in sorted(others[code] - there):
                    one = loaded[code].get(key)
                    yield Replaced(key, one is not None and one.erp_key is None)


def _erp_keys(entity: Entity, loaded: LoadedRows) -> set[bytes]:
    """What was put off has another beginning at tills than at the ERP; what is over there stays for its time."""
    return set(shelf_first.as_the_erp_has(entity, loaded))
