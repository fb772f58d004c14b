"""After an update: what an older version of the program broke over is tried again, once."""

import msgspec
from sqlalchemy import Engine, select

from malote import __version__
from malote.database.chunks import CHUNK
from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.posting.deciding import BREAKS_PROGRAM
from malote.register import replaying
from malote.spool.documents import Reason

_reason = msgspec.json.Decoder(Reason)


def look_again(engine: Engine, now: float) -> int:
    """Puts those back in the queue, in order. How many. Raises ``StoreError``."""
    chosen = (documents.c.state == "rejected") & (documents.c.reason_code == BREAKS_PROGRAM)
    with reading(engine) as connection:
        rows = connection.execute(select(documents.c.id, documents.c.reason).where(chosen).order_by(documents.c.id))
        older = [row.id for row in rows if _version(row.reason) != __version__]
    chunks = (older[start : start + CHUNK] for start in range(0, len(older), CHUNK))
    return sum(len(replaying.replay(engine, chunk, None, now=now).ids) for chunk in chunks)


def _version(reason: str | None) -> str:
    return _reason.decode(reason).facts.get("version", "") if reason else ""
