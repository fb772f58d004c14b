"""A batch before it is booked: what the ERP's characters can't say is put aside, or, where it is said in words and not
in a code, in the nearest letters."""

from collections.abc import Sequence
from typing import Protocol

import msgspec
from sqlalchemy import Connection

from malote.erp.mapping import ErpTables
from malote.erp.protocol import Posting
from malote.erp.repertoire import FREE_TEXTS, Lack, Repertoire, is_ascii, lack, with_texts

ADAPTED = "text_adapted"
UNENCODABLE = "erp_unencodable"


class Engine(Protocol):
    """What an engine says of its characters."""

    tables: ErpTables
    nearest_letters: bool  # whether the store prefers a sale in other letters to none

    def repertoire(self, connection: Connection) -> Repertoire | None:
        """None where every character can be written."""
        ...


class Fitted(msgspec.Struct, frozen=True):
    """``adapted`` and ``unfit`` by document: the facts of what was replaced, and of what can't be written."""

    batch: Sequence[Posting]
    adapted: dict[int, dict[str, str]] = {}
    unfit: dict[int, dict[str, str]] = {}


def fitted(batch: Sequence[Posting], engine: Engine, connection: Connection) -> Fitted:
    repertoire = engine.repertoire(connection)
    if repertoire is None or all(is_ascii(posting.document) for posting in batch):
        return Fitted(batch)
    found = Fitted([], {}, {})
    kept: list[Posting] = []
    for posting in batch:
        kept.append(_fitted(posting, engine, repertoire, found))
    return msgspec.structs.replace(found, batch=kept)


def _fitted(posting: Posting, engine: Engine, repertoire: Repertoire, found: Fitted) -> Posting:
    met = lack(posting.document, posting.till, engine.tables, repertoire.lacks)
    if met is None:
        return posting
    facts = Lack(*met, repertoire.encoding).facts
    if not engine.nearest_letters:
        found.unfit[posting.document_id] = facts
        return posting
    # The content's hash stays the document's own: it is the same sale in other letters.
    document = with_texts(posting.document, repertoire.nearest, FREE_TEXTS)
    still = lack(document, posting.till, engine.tables, repertoire.lacks)
    if still is not None:
        found.unfit[posting.document_id] = Lack(*still, repertoire.encoding).facts
        return posting
    found.adapted[posting.document_id] = facts
    return msgspec.structs.replace(posting, document=document)
