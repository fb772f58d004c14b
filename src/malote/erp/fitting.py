"""A batch before it is booked: what the ERP's characters can't say is put aside, or, where it is said in words and not
in a code, in the nearest letters."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
from sqlalchemy import Connection

from malote.erp import rows
from malote.erp.letters import Letters
from malote.erp.mapping import ErpTables
from malote.erp.profiles.compiled_expression import UnmappedError
from malote.erp.profiles.profile import Part
from malote.erp.protocol import Posting
from malote.erp.repertoire import Lack, is_ascii, rows_of
from malote.erp.values import OutOfRangeError
from malote.fiscal.documents import Cancellation, Document, NumberVoid, Sale

ADAPTED = "text_adapted"
UNENCODABLE = "erp_unencodable"
PROFILE_UNENCODABLE = "profile_unencodable"

# Fields that say something in words. All other texts say which: product, unit, method, key, person. Another letter
# makes another of it (A and 1 with a dash between is not the product ``A-1``), so that they are booked as they are.
FREE_TEXTS = frozenset({"description", "reason", "contingency_reason", "operation", "text"})

_Struct = TypeVar("_Struct", bound=msgspec.Struct)


class Engine(Protocol):
    """What an engine says of its characters."""

    tables: ErpTables
    nearest_letters: bool  # whether the store prefers a sale in other letters to none

    def letters(self, connection: Connection) -> Letters: ...


class Fitted(msgspec.Struct, frozen=True):
    """``adapted`` and ``unfit`` by document: the facts of what was replaced, and of what can't be written."""

    batch: Sequence[Posting]
    adapted: dict[int, dict[str, str]] = {}
    unfit: dict[int, dict[str, str]] = {}


def code_of(unfit: dict[str, str]) -> str:
    """Whose text it is: the document's, or one that the profile writes by itself."""
    return PROFILE_UNENCODABLE if "constant" in unfit else UNENCODABLE


def fitted(batch: Sequence[Posting], engine: Engine, connection: Connection) -> Fitted:
    letters = engine.letters(connection)
    plain = all(is_ascii(posting.document) for posting in batch) and not letters.all_suspects
    if letters.hold_everything or plain:
        return Fitted(batch)
    found = Fitted([], {}, {})
    kept = [_fitted(posting, engine, letters, found) for posting in batch]
    return msgspec.structs.replace(found, batch=kept)


def _fitted(posting: Posting, engine: Engine, letters: Letters, found: Fitted) -> Posting:
    met = _lack(posting, engine.tables, letters)
    if met is None:
        return posting
    if not engine.nearest_letters:
        found.unfit[posting.document_id] = met.facts
        return posting
    # The content's hash stays the document's own: it is the same sale in other letters.
    changed = msgspec.structs.replace(posting, document=_in_nearest_letters(posting.document, letters))
    still = _lack(changed, engine.tables, letters)
    if still is not None:
        found.unfit[posting.document_id] = still.facts
        return posting
    found.adapted[posting.document_id] = met.facts
    return changed


def _lack(posting: Posting, tables: ErpTables, letters: Letters) -> Lack | None:
    """The first text that goes into the ERP with a character that its column lacks."""
    sale: rows.Row = {}
    for part, number, row in rows_of(posting.document, posting.till):
        sale = row if part == "sale" else sale
        wanted = tables.wanted(part)
        for field, value in row.items():
            if field not in wanted or not isinstance(value, str):
                continue
            for repertoire in letters.of(part, field):
                if character := repertoire.lacks(value):
                    path = f"{part}[{number}].{field}" if number else f"{part}.{field}"
                    return Lack(path, character, repertoire.encoding)
        if own := next(_of_profile(part, row, sale, letters), None):
            return own
    return None


def _of_profile(part: Part, row: rows.Row, sale: rows.Row, letters: Letters) -> Iterator[Lack]:
    """What the profile itself writes of this row, where the column lacks a character of it."""
    for one in letters.suspects(part):
        if not one.target.told_by(row, sale):
            continue
        try:
            value = one.target.compiled.value(row, sale)
        except (OutOfRangeError, UnmappedError):
            continue  # told as such when it is booked
        if isinstance(value, str) and one.character in value:
            yield Lack(one.column, one.character, one.repertoire.encoding, one.constant)


def _in_nearest_letters(document: Document, letters: Letters) -> Document:
    match document:
        case Sale():
            own = _in_words(document, "sale", letters)
            items = tuple(_in_words(one, "item", letters) for one in document.items)
            payments = tuple(_in_words(one, "payment", letters) for one in document.payments)
            return msgspec.structs.replace(own, items=items, payments=payments)
        case Cancellation():
            return _in_words(document, "cancellation", letters)
        case NumberVoid():
            return _in_words(document, "number_void", letters)
    return document


def _in_words(struct: _Struct, part: Part, letters: Letters) -> _Struct:
    changed: dict[str, Any] = {}
    for name in FREE_TEXTS.intersection(struct.__struct_fields__):
        said = getattr(struct, name)
        for repertoire in letters.of(part, name):
            said = repertoire.nearest(said)
        changed[name] = said
    return msgspec.structs.replace(struct, **changed)
