"""Which rows go alone: those that a person named, or those that versions of a time brought."""

from collections.abc import Mapping, Sequence
from itertools import islice

import msgspec
from sqlalchemy import Connection, Engine

from malote.database.engine import reading
from malote.load_format.wire import MOST_ITEMS, Key
from malote.loads import entity_rows, published_rows
from malote.loads.asked_load import AskedLoad
from malote.loads.entity_rows import StoredEntity
from malote.loads.versions import LoadError


def chosen(engine: Engine, asked: AskedLoad, now: float) -> dict[str, list[Key]]:
    """Their keys, by entity; known only once the ERP was read, since a row may be of this minute.

    Raises as ``named`` and ``changed_between``.
    """
    if asked.since is None:
        return named(engine, asked.items)
    return changed_between(engine, asked.wanted.entities, asked.since, now if asked.until is None else asked.until)


def named(engine: Engine, items: Mapping[str, Sequence[str]]) -> dict[str, list[Key]]:
    """The keys of the newest version's rows that begin with these values, as people write them (``4711``,
    ``4711,UN``), by entity. Raises ``LoadError``: ``load_entity_unknown``, ``load_item_unknown``."""
    with reading(engine) as connection:
        known = entity_rows.in_force(connection) if items else {}
        return {
            name: [key for text in texts for key in _beginning(connection, known, name, text)]
            for name, texts in items.items()
        }


def _beginning(connection: Connection, known: Mapping[str, StoredEntity], name: str, text: str) -> list[Key]:
    if name not in known:
        raise LoadError("load_entity_unknown", entity=name, known=", ".join(sorted(known)))
    found = published_rows.keys_beginning(connection, known[name], text.split(","))
    if not found:
        raise LoadError("load_item_unknown", item=text[:60], columns=", ".join(known[name].entity.key))
    return found


def changed_between(engine: Engine, names: Sequence[str], since: float, until: float) -> dict[str, list[Key]]:
    """Keys of the rows that versions made after ``since`` and up to ``until`` brought, changed or took away, by entity.

    Raises ``LoadError``: ``load_items_many``, ``load_nothing_changed``.
    """
    with reading(engine) as connection:
        before = entity_rows.version_made_by(connection, since)
        after = entity_rows.version_made_by(connection, until)
        entities = {
            name: one.id for name, one in entity_rows.in_force(connection).items() if not names or name in names
        }
    found: dict[str, list[Key]] = {}
    for name, entity_id in entities.items() if after > before else ():
        left = MOST_ITEMS - sum(len(some) for some in found.values())
        keys = list(islice(published_rows.changed_keys(engine, entity_id, before, after), left + 1))
        if len(keys) > left:
            raise LoadError("load_items_many", most=str(MOST_ITEMS))
        if keys:
            found[name] = [tuple(msgspec.json.decode(key)) for key in keys]
    if not found:
        raise LoadError("load_nothing_changed")
    return found
