"""What the ERP no longer has stays while a new row of the same thing is refused: the key of a row changed, say the
beginning of a price, to values that break a rule. Else the product would lose its price for it.

A refused row whose key is loaded needs nobody else's place: what it was last stays in. Two rows are of the same thing
where the first column of their key says the same.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec

from malote.load_format.entity import Entity
from malote.loads.seen_rows import GONE, KEPT, REFUSED

_PAGE = 2000  # rows that are gone, looked through at once

Loaded = Callable[[list[bytes]], Collection[bytes]]


def beginning_of_thing(code: object) -> bytes:
    """What the keys of its rows begin with, and no others, where a key has several columns."""
    return msgspec.json.encode([code])[:-1] + b","


def key_without(thing: bytes, row: object) -> bytes:
    """What stands for the key of a row that has none: its ``thing``, where that can be read, and what tells it from the
    others. ``thing``: as ``beginning_of_thing`` has it, or nothing."""
    return thing + b"!" + hashlib.sha256(repr(row).encode()).digest()


def values_of(key: bytes) -> list[Any]:
    """What it says; of ``key_without`` its thing alone."""
    try:
        return list(msgspec.json.decode(key))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return list(msgspec.json.decode(key[: -len(",!") - hashlib.sha256().digest_size] + b"]"))


def spare(aside: sqlite3.Connection, entity: Entity, loaded: Loaded) -> bool:
    """Among what a look has seen; whether any row was spared. ``loaded``: those of these keys that tills have rows
    of."""
    if len(entity.key) == 1:
        return False
    after, found = b"", False
    query = "SELECT key FROM seen WHERE kind = ? AND key > ? ORDER BY key LIMIT ?"
    while keys := [key for (key,) in aside.execute(query, (GONE, after, _PAGE))]:
        after = keys[-1]
        things = _replaced(aside, {_thing(key) for key in keys}, loaded)
        spared = [(KEPT, key) for key in keys if _thing(key) in things]
        aside.executemany("UPDATE seen SET kind = ? WHERE key = ?", spared)
        found = found or bool(spared)
    return found


def _replaced(aside: sqlite3.Connection, things: Collection[bytes], loaded: Loaded) -> set[bytes]:
    """Those that have a refused row which isn't loaded under its own key."""
    refused = {key: thing for thing in things for key in _refused(aside, thing)}
    known = loaded(list(refused))
    return {thing for key, thing in refused.items() if key not in known}


def _refused(aside: sqlite3.Connection, thing: bytes) -> Sequence[bytes]:
    query = "SELECT key FROM seen WHERE key >= ? AND key < ? AND kind = ?"
    return [key for (key,) in aside.execute(query, (thing, thing + b"\xff", REFUSED))]


def _thing(key: bytes) -> bytes:
    return beginning_of_thing(msgspec.json.decode(key)[0])
