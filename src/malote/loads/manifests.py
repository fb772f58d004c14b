"""By which files a till comes from what it has to what it was ordered: changes where that is less, else whole rows."""

import msgspec
from sqlalchemy import Connection, Engine

from malote.database.engine import reading
from malote.load_format.digest import key_bytes
from malote.load_format.entity import Entity, Row
from malote.load_format.wire import LOAD, EntityState, Key, LoadItem, LoadOrder, Manifest, ManifestQuery
from malote.loads import entity_rows, published_rows
from malote.loads.files_made import FilesMade, WantedFile
from malote.loads.versions import LoadError
from malote.orders import rows
from malote.wire import EntityHeld

_FEW = 1000  # rows that may change before whole rows are thought of


class Manifests:
    """Safe for threads. Raises ``StoreError``."""

    def __init__(self, engine: Engine, made: FilesMade) -> None:
        self._engine = engine
        self._files = made

    def manifest(self, till_id: int, query: ManifestQuery) -> Manifest:
        """For the till's open order of this number. Raises ``LoadError``: ``load_order_over`` where there is none, or
        this database has no longer what it says; ``OSError`` where a file can't be written."""
        with reading(self._engine) as connection:
            order = _order_of(connection, till_id, query.number)
            wanted = []
            for name, state in order.entities.items():
                held = query.held.get(name)
                if held is None or held.sha256 != state.sha256 or order.anew:
                    wanted.append(self._wanted(connection, name, state, None if order.anew else held))
            for name, items in order.items.items():
                wanted.append(_items(connection, name, order.version, items))
        return Manifest(order.version, [self._files.get(one) for one in wanted])

    def _wanted(self, connection: Connection, name: str, state: EntityState, held: EntityHeld | None) -> WantedFile:
        found = entity_rows.state_of(connection, name, state.version)
        if found is None or found[1].sha256 != state.sha256:
            raise LoadError("load_order_over")
        base = base_of(connection, name, found[0], held)
        if base is None:
            return WantedFile(found[0], "whole", state.version)
        changed = published_rows.count_changed(connection, found[0], base.version, state.version)
        if changed > max(_FEW, state.rows // 2):
            return WantedFile(found[0], "whole", state.version)
        return WantedFile(found[0], "changes", state.version, base.version)


def base_of(connection: Connection, name: str, entity_id: int, held: EntityHeld | None) -> EntityState | None:
    """What the till has, where this database knows it: what it doesn't know, it can say no changes of."""
    if held is None:
        return None
    found = entity_rows.state_of(connection, name, held.version)
    if found is None or found[0] != entity_id or found[1].sha256 != held.sha256:
        return None
    return found[1]


def items_of(connection: Connection, name: str, version: int, keys: list[Key]) -> list[LoadItem]:
    """Chosen rows as an order names them. Raises ``LoadError``: ``load_entity_unknown``."""
    entity_id, entity = _entity(connection, name, version)
    spelt = {key_bytes(entity, _with_key(entity, key)): key for key in keys}
    found = published_rows.there(connection, entity_id, version, list(spelt))
    return [LoadItem(key, found[spelling].hash.hex() if spelling in found else "") for spelling, key in spelt.items()]


def _items(connection: Connection, name: str, version: int, items: list[LoadItem]) -> WantedFile:
    entity_id, _ = _entity(connection, name, version)
    return WantedFile(entity_id, "items", version, keys=tuple(keys_of_items(connection, name, version, items)))


def keys_of_items(connection: Connection, name: str, version: int, items: list[LoadItem]) -> list[bytes]:
    """As rows are kept under them, in order."""
    _, entity = _entity(connection, name, version)
    return sorted(key_bytes(entity, _with_key(entity, one.key)) for one in items)


def _entity(connection: Connection, name: str, version: int) -> tuple[int, Entity]:
    found = entity_rows.state_of(connection, name, version)
    if found is None:
        raise LoadError("load_entity_unknown", entity=name, known="")
    return found[0], entity_rows.entity_of(connection, found[0])


def _with_key(entity: Entity, key: Key) -> Row:
    by_place = dict(zip(entity.key_places, key, strict=True))
    return tuple(by_place.get(place) for place in range(len(entity.columns)))


def _order_of(connection: Connection, till_id: int, number: int) -> LoadOrder:
    for one in rows.open_of(connection, till_id):
        if (one.kind, one.number) == (LOAD, number):
            return msgspec.json.decode(rows.payload_of(connection, one.payload_sha256), type=LoadOrder)
    raise LoadError("load_order_over")
