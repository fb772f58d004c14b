"""Hashes of rows, buckets and entities: two sides that have the same digest have the same rows.

Rows fall into 1,024 buckets by their key, so that a change of a hundred rows of a hundred thousand hashes a hundred
buckets again and not the whole. An entity's digest is over its declaration and its buckets; a load's over its entities.
"""

import hashlib
from collections.abc import Iterable, Mapping

import msgspec

from malote.load_format.entity import Entity, Row

BUCKETS = 1024


def key_bytes(entity: Entity, row: Row) -> bytes:
    """The row's key in its one spelling: JSON of its values."""
    return msgspec.json.encode([row[place] for place in entity.key_places])


def row_hash(row: Row) -> bytes:
    """SHA-256 of the row's JSON."""
    return hashlib.sha256(msgspec.json.encode(row)).digest()


def bucket_of(key: bytes) -> int:
    return int.from_bytes(hashlib.sha256(key).digest()[:2], "big") % BUCKETS


def bucket_hash(row_hashes: Iterable[bytes]) -> bytes:
    """Of the hashes of the rows in it, in any order."""
    return hashlib.sha256(b"".join(sorted(row_hashes))).digest()


def entity_digest(entity: Entity, buckets: Mapping[int, bytes]) -> str:
    """Hex. ``buckets``: number → ``bucket_hash`` of each that isn't empty."""
    digest = hashlib.sha256(entity.declaration)
    for number in sorted(buckets):
        digest.update(number.to_bytes(2, "big") + buckets[number])
    return digest.hexdigest()


def digest_of_rows(entity: Entity, rows: Iterable[Row]) -> str:
    """The same from nothing but the rows: what proves the kept buckets."""
    found: dict[int, list[bytes]] = {}
    for row in rows:
        found.setdefault(bucket_of(key_bytes(entity, row)), []).append(row_hash(row))
    return entity_digest(entity, {number: bucket_hash(hashes) for number, hashes in found.items()})


def whole_digest(entities: Mapping[str, str]) -> str:
    """Of a load, in hex: over the names and digests of its entities."""
    lines = "".join(f"{name} {entities[name]}\n" for name in sorted(entities))
    return hashlib.sha256(lines.encode()).hexdigest()
