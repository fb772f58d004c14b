"""What server and till say to each other of loads, beside the book of orders.

An order of the kind ``load`` says which state the till shall have, as digests, and is signed with them. From which
files the till makes it, it asks: ``Manifest``. Whatever it is given, it proves the state it comes to. What it has, it
says in each contact: ``malote.wire.LoadsHeld``.
"""

from typing import Annotated

import msgspec

from malote.load_format.entity import Name, Value
from malote.load_format.files import FileMode
from malote.wire import MOST_ENTITIES, Count, EntityHeld, Hash

LOAD = "load"  # the kind of orders
PATH_MANIFEST = "/v1/loads/manifest"  # POST ManifestQuery -> Manifest
PATH_NEWS = "/v1/loads/newest"  # GET ?known=N&wave=N, which waits for another of both -> LoadNews
PATH_FILE = "/v1/loads/files/{sha256}"  # GET, in ranges too -> a file of malote.load_format.files
MOST_ITEMS = 1000

Key = tuple[Value, ...]


class LoadItem(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """A chosen row at the order's version. ``sha256``: hex of its ``row_hash``; empty: there is no such row.

    It is what proves the row: the digest of its entity, which stays at an older version, says nothing of it.
    """

    key: Key
    sha256: Hash = ""


class EntityState(msgspec.Struct, frozen=True):
    """An entity at a version of the load."""

    version: Count  # the last one that changed it
    rows: Count
    sha256: Hash  # malote.load_format.digest.entity_digest


class LoadOrder(msgspec.Struct, frozen=True, omit_defaults=True):
    """The payload of an order. ``entities``: those that the till shall have at ``version``; others it leaves alone.

    ``anew``: *Geral*: all rows are fetched whatever the till has (it still writes only those that differ).
    ``items``: only these rows of an entity, which are then at ``version`` while the entity stays where it is.
    ``back_from``: the till goes back, from this version, which is not wanted there; 0: it is brought up.
    """

    version: Count
    entities: Annotated[dict[Name, EntityState], msgspec.Meta(max_length=MOST_ENTITIES)]
    anew: bool = False
    items: dict[Name, Annotated[list[LoadItem], msgspec.Meta(max_length=MOST_ITEMS)]] = {}
    emergency: bool = False  # shown as such
    back_from: Count = 0


class LoadNews(msgspec.Struct, frozen=True):
    """``version``: the newest; 0 while there is none. ``wave``: up to which the newest roll-out is open; 0 without one,
    and of an older server. Whether it is the till's turn is said in its contact."""

    version: int
    wave: int = 0


class ManifestQuery(msgspec.Struct, frozen=True, omit_defaults=True):
    """``number``: of the order. ``held``: entities that the till has; those left out it has nothing of."""

    number: Count
    held: Annotated[dict[Name, EntityHeld], msgspec.Meta(max_length=MOST_ENTITIES)] = {}


class ManifestFile(msgspec.Struct, frozen=True):
    sha256: Hash
    bytes: Count
    entity: Name
    mode: FileMode
    rows: Count
    version: Count
    after: Count = 0


class Manifest(msgspec.Struct, frozen=True):
    """The files that bring the till to the order's state, in the order in which they are applied."""

    version: Count
    files: Annotated[list[ManifestFile], msgspec.Meta(max_length=10 * MOST_ENTITIES)]
