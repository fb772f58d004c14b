"""After an update: what an older version of the program broke over is tried again, once."""

from sqlalchemy import Engine

from malote import __version__
from malote.database.chunks import CHUNK
from malote.posting.settlement import BREAKS_PROGRAM
from malote.register import replaying


def look_again(engine: Engine, now: float) -> int:
    """Puts those back in the queue, in order. How many. Raises ``StoreError``."""
    found = replaying.rejected_for(engine, BREAKS_PROGRAM)
    older = [document_id for document_id, reason in found if reason.facts.get("version", "") != __version__]
    chunks = (older[start : start + CHUNK] for start in range(0, len(older), CHUNK))
    return sum(len(replaying.replay(engine, chunk, None, now=now).ids) for chunk in chunks)
