"""Which rows go alone: those that a person named, or those that versions of a time brought."""

from collections.abc import Mapping, Sequence
from itertools import islice

import msgspec
from sqlalchemy import Engine

from malote.database.engine import reading
from malote.load_format.wire import MOST_ITEMS, Key
from malote.loads import entity_rows, published_rows
from malote.loads.versions import LoadError


def urgent_of(items: Mapping[str, Sequence[str]]) -> set[str]:
    """The products that an emergency for these items is about, as people write them (``4711``, ``4711,UN``)."""
    return {text.partition(",")[0] for text in items.get("price", ())}


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
