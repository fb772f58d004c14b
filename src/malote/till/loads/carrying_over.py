"""Out of a damaged loads database into a new one: what can be proven, and the views of the rest.

A POS goes on with each entity whose rows can all be read and have the digest that was ordered. Of the others it finds
the views, over no rows, until the load comes that the server sends to a till that doesn't have them.
"""

import sqlite3
from contextlib import suppress
from pathlib import Path

import msgspec

from malote.batches import batches
from malote.disk import DISK, Disk
from malote.load_format.digest import row_hash
from malote.till.loads import bucket_digests, held_entities, loads_database, server_time
from malote.till.loads.held_entities import NOTHING, AppliedLoad, HeldEntity
from malote.till.loads.loads_database import LoadsError
from malote.till.loads.row_tables import stored
from malote.till.loads.server_time import ServerTime

_ROWS = 1000  # at once


def carry_over(aside: Path, path: Path, disk: Disk = DISK) -> list[str]:
    """Names of the entities that are whole in the new file. A trouble on the way leaves a new file of nothing. Raises
    ``LoadsError``, ``OSError``."""
    try:
        with loads_database.read_only(aside) as damaged:
            found = list(held_entities.all_held(damaged).values())
            last = _last_applied(damaged, found)
            known = _known_time(damaged)
    except (LoadsError, FileNotFoundError):
        return []  # nothing of it can be read
    source = sqlite3.connect(f"{aside.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    try:
        with loads_database.opened(path, disk) as target, loads_database.writing(target):
            server_time.write(target, known)
            carried = [one.name for one in found if _carried(source, target, one)]
            if carried:
                held_entities.record(target, last)
            return carried
    finally:
        source.close()


def _last_applied(damaged: sqlite3.Connection, found: list[HeldEntity]) -> AppliedLoad:
    """What the till sold with, and whether a person had taken back what came after it: said on as before. Of what
    can't be read, what its entities say."""
    with suppress(sqlite3.DatabaseError):
        last = held_entities.last_applied(damaged)
        if last.version:
            return last
    version = max((one.version for one in found), default=0)
    at = max((one.applied_at for one in found), default=0)
    return msgspec.structs.replace(NOTHING, id=1, version=version, at=at)


def _known_time(damaged: sqlite3.Connection) -> ServerTime:
    with suppress(sqlite3.DatabaseError):
        return server_time.read(damaged)
    return server_time.UNKNOWN


def _carried(source: sqlite3.Connection, target: sqlite3.Connection, held: HeldEntity) -> bool:
    table = held.table
    table.create(target)
    try:
        for some in batches(source.execute(f'SELECT * FROM "{table.name}"'), _ROWS):
            rows = [table.row_of(one) for one in some]
            table.put(target, [stored(table, row, row_hash(row)) for row in rows])
    except (sqlite3.Error, ValueError, TypeError):
        if not target.in_transaction:
            raise  # a full disk, say: of the new file, not of the damaged one
    table.make_index(target)
    table.make_views(target)
    for _ in bucket_digests.hash_all(target, table):
        pass
    if bucket_digests.entity_digest(target, table) == held.actual:
        held_entities.keep(target, held)
        return True
    target.execute(f'DELETE FROM "{table.name}"')
    held_entities.forget(target, held.name)
    return False
