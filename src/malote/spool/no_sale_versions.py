"""Versions of one note, of which the authorised one is no sale (5929, say) and an earlier one, sold offline, is.

Whichever comes first, the ERP must not have revenue that nobody is told of: what isn't booked yet is kept then; what is
booked stands until a person takes it back, who is asked by the authorised version.
"""

from collections.abc import Collection, Mapping

from sqlalchemy import Engine, select

from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.database.tables import pouch as pouches
from malote.fiscal.cfops import NO_SALE
from malote.fiscal.documents import Sale, content_hash, in_contingency
from malote.spool.extracted import DamagedError, Extracted
from malote.spool.states import OPEN, State

_BOOKED: frozenset[State] = frozenset({"posting", "posted"})


def booked_otherwise(engine: Engine, notes: Mapping[str, Sale]) -> set[str]:
    """Of these notes, by key, that are no sales: those of which another version is booked as one, or is about to be.
    Raises ``StoreError``."""
    found: set[str] = set()
    same: set[str] = set()  # a person had this very content booked
    with reading(engine) as connection:
        for chunk in chunks(sorted(notes)):
            query = select(documents.c.access_key, documents.c.state, documents.c.extracted_index, *_FORMS)
            query = query.join_from(documents, pouches, documents.c.pouch_id == pouches.c.id)
            query = query.where(documents.c.access_key.in_(chunk), documents.c.kind == "sale")
            for row in connection.execute(query):
                counts = row.state in _BOOKED or (row.state in OPEN and in_contingency(row.access_key))
                if counts and (other := _said(row.extracted, row.extracted_digests, row.extracted_index)):
                    differs = content_hash(other) != content_hash(notes[row.access_key])
                    (found if differs else same).add(row.access_key)
    return found - same


def known_as_none(engine: Engine, access_keys: Collection[str]) -> set[str]:
    """Of these keys, those whose authorised version is here and is kept as no sale. Raises ``StoreError``."""
    found: set[str] = set()
    with reading(engine) as connection:
        for chunk in chunks(sorted(access_keys)):
            query = select(documents.c.access_key, documents.c.state, documents.c.reason_code)
            query = query.where(documents.c.access_key.in_(chunk), documents.c.kind == "sale")
            rows = connection.execute(query.where(documents.c.authorised.is_(True)))
            found |= {one.access_key for one in rows if one.state == "kept" and one.reason_code in NO_SALE}
    return found


_FORMS = (pouches.c.extracted, pouches.c.extracted_digests)


def _said(blob: bytes | None, digests: bytes | None, index: int | None) -> Sale | None:
    """What the other version says; None where it is gone."""
    if blob is None or index is None:
        return None
    try:
        other = Extracted(blob, digests).document(index)
    except DamagedError:
        return None
    return other if isinstance(other, Sale) else None
