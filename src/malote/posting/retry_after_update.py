"""What was put aside because the program broke over it is tried again: once after an update where it was the document's
own; at every start, and one of them now and then, where nobody knew whose fault it was."""

import random

from sqlalchemy import Engine

from malote import __version__
from malote.database.chunks import CHUNK
from malote.posting.settlement import BREAKS_PROGRAM, FAILS_OVER_KIND
from malote.register import replaying


def look_again(engine: Engine, now: float) -> int:
    """At a start: puts those back in the queue, in order. How many. Raises ``StoreError``."""
    own = replaying.rejected_for(engine, BREAKS_PROGRAM)
    older = [document_id for document_id, reason in own if reason.facts.get("version", "") != __version__]
    again = sorted([*older, *(document_id for document_id, _ in replaying.rejected_for(engine, FAILS_OVER_KIND))])
    chunks = (again[start : start + CHUNK] for start in range(0, len(again), CHUNK))
    return sum(len(replaying.replay(engine, chunk, None, now=now).ids) for chunk in chunks)


def try_one(engine: Engine, now: float) -> int:
    """Of those over which nobody knows whose fault it was, any one: once it passes the poster takes back the others.
    How many, 0 or 1. Raises ``StoreError``."""
    aside = [document_id for document_id, _ in replaying.rejected_for(engine, FAILS_OVER_KIND)]
    chosen = random.sample(aside, min(1, len(aside)))
    return len(replaying.replay(engine, chosen, None, now=now).ids)
