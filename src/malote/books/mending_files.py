"""A damaged file put right from the file as it came: a till, its POS or the legal archive may have it still.

It is known by its hash, so that no other can take its place; what is read from it anew goes into a pouch of its own.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, select

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.database.engine import writing
from malote.database.kept_tables import damaged_file
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.fiscal.reader import read
from malote.fiscal.reading_limits import Limits
from malote.sealing import seal
from malote.spool import replaced_files
from malote.wire import PouchFile


def mend(engine: Engine, content: bytes, limits: Limits, actor: Actor, now: float) -> int:
    """Puts a file in the place of its damaged copies; of how many documents that is the file. Raises ``StoreError``."""
    sha256 = hashlib.sha256(content).digest()
    with writing(engine) as connection:
        query = select(*_NEEDED, tills.c.name).join(damaged_file, damaged_file.c.document_id == documents.c.id)
        query = query.join(tills, tills.c.id == documents.c.till_id).where(documents.c.file_sha256 == sha256)
        rows = connection.execute(query.order_by(documents.c.till_id, documents.c.position)).all()
        for till_id in sorted({row.till_id for row in rows}):
            own = [row for row in rows if row.till_id == till_id]
            _mend(connection, own, content, limits, now)
            after: dict[str, Any] = {"documents": [str(row.id) for row in own], "sha256": sha256.hex()}
            audit.record(connection, actor, "file_mended", f"till:{own[0].name}", after=after, now=now)
        return len(rows)


_NEEDED = [documents.c[name] for name in ("id", "till_id", "position", "file_name", "file_sha256", "extracted_index")]


def _mend(connection: Connection, rows: Sequence[Any], content: bytes, limits: Limits, now: float) -> None:
    """Of one till: the file alone in a pouch, and what it says."""
    first = rows[0]
    body, _ = seal([PouchFile(first.file_name, bytes(first.file_sha256), content)], datetime.fromtimestamp(now, UTC))
    readings = [one.document for one in read(content, limits)]
    replaced_files.put(connection, [row.id for row in rows], first.till_id, body, readings, now)
    ids = [row.id for row in rows]
    connection.execute(delete(damaged_file).where(damaged_file.c.document_id.in_(ids)))
