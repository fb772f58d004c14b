"""Documents that were settled, out of the extracted forms that are kept beside their pouches."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import Engine, select

from malote.database.engine import reading
from malote.database.tables import pouch as pouches
from malote.fiscal.documents import Document
from malote.spool.extracted import Extracted, document_or_none, opened_or_none


class ExtractedPlace(NamedTuple):
    """Where the extracted form of a document lies; ``extracted_index`` None where it could not be read."""

    document_id: int
    pouch_id: int
    extracted_index: int | None


def reopened(engine: Engine, places: Sequence[ExtractedPlace]) -> Iterator[tuple[int, Document | None]]:
    """Each document's id and itself, in the order asked; None where it was pruned, is damaged or could never be read.

    One pouch at a time is open, so that memory stays that of the largest. Raises ``StoreError``.
    """
    for pouch_id, some in groupby(places, key=lambda place: place.pouch_id):
        opened = _open(engine, pouch_id)
        for place in some:
            yield place.document_id, document_or_none(opened, place.extracted_index)


def _open(engine: Engine, pouch_id: int) -> Extracted | None:
    with reading(engine) as connection:
        query = select(pouches.c.extracted, pouches.c.extracted_digests).where(pouches.c.id == pouch_id)
        row = connection.execute(query).one_or_none()
    return opened_or_none(row.extracted, row.extracted_digests) if row is not None else None
