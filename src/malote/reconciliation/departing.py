"""Which fields the ERP has otherwise of what was booked, as differences: one of each document, by its heaviest."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, Engine

from malote.fiscal.documents import NumberVoid, identity
from malote.reconciliation.booked_content import Content, contents
from malote.reconciliation.erp_differences import Booked, ErpDifference, ErpWitness, What
from malote.spool.mapped_codes import MappedCodes, formerly_mapped, mapped, renamed

GONE, TWICE = "-", "++"  # as in ``erp.protocol``
NOTE_GONE = f"{GONE}note"
_MOST_FIELDS = 10
_LEDGER = "ledger."
# In the order of their weight; what stands nowhere here is ``content``.
_OF_FIELDS: tuple[tuple[What, frozenset[str]], ...] = (
    ("deleted", frozenset({GONE})),
    ("doubled", frozenset({TWICE})),
    ("key", frozenset({"access_key"})),
    ("total", frozenset({"total"})),
    ("state", frozenset({"cancelled_at"})),
    ("date", frozenset({"issued_at"})),
    ("till", frozenset({"till"})),
    ("number", frozenset({"issuer", "model", "series", "number"})),
    ("items", frozenset({"items", "taxes"})),
    ("payments", frozenset({"payments"})),
)

Contents = Mapping[str, Sequence[Content]]


def with_contents(connection: Connection, booked: Sequence[Booked]) -> tuple[list[Booked], Contents]:
    """The same, voids with their identities, as far as the server still has what they say; and what they all say: of
    each key's sales in order of arrival, of other documents under their identities."""
    ids = [one.id for one in booked if one.kind != "sale"]
    found: dict[str, list[Content]] = defaultdict(list)
    voids: dict[int, str] = {}
    for one in contents(connection, ids, [each.access_key for each in booked if each.kind == "sale"]):
        if isinstance(one.document, NumberVoid):
            voids[one.document_id] = identity(one.document)
        found[identity(one.document)].append(one)
    known = [
        msgspec.structs.replace(one, void=voids[one.id]) if one.kind == "number_void" else one
        for one in booked
        if one.kind != "number_void" or one.id in voids
    ]
    return known, {name: sorted(some, key=lambda one: one.document_id) for name, some in found.items()}


def with_departures(
    engine: Engine, erp: ErpWitness, booked: Sequence[Booked], contents: Contents, found: Sequence[ErpDifference]
) -> list[ErpDifference]:
    """``found`` and what else differs of documents of which nothing was found yet. Raises what the ERP raises."""
    told = {one.booked.id for one in found}
    left = [one for one in booked if one.id not in told and one.identity in contents]
    asked = [content for one in left for content in contents[one.identity] if one.kind == content.kind]
    cancelled = {one.access_key for one in booked if one.cancelled}
    departures = _under_other_names(engine, erp, asked, cancelled, erp.departures(asked, cancelled) if asked else {})
    if not departures:
        return list(found)
    more = [one for each in left if (one := _difference(each, contents[each.identity], departures))]
    keys = {one.booked.access_key for one in (*found, *more) if one.booked.kind == "sale"}
    # A sale that isn't cancelled any more, and the cancellation's own row, are one tampering.
    return [*found, *(one for one in more if one.booked.kind != "cancellation" or one.booked.access_key not in keys)]


def _under_other_names(
    engine: Engine,
    erp: ErpWitness,
    asked: Sequence[Content],
    cancelled: Collection[str],
    departures: Mapping[int, Sequence[str]],
) -> Mapping[int, Sequence[str]]:
    """Without what differs only since a person mapped the till's products, or its ways of paying, to the ERP's: now, or
    at the time when it was booked."""
    doubtful = _doubtful(departures)
    if doubtful:
        departures = _renamed(erp, asked, cancelled, departures, mapped(engine))
    for names in formerly_mapped(engine) if _doubtful(departures) else []:
        tried = _renamed(erp, asked, cancelled, departures, names)
        # Where another name doesn't explain all of it, what is told is said of the names of now.
        departures = {place: tried[place] if not tried.get(place) else fields for place, fields in departures.items()}
    return departures


def _doubtful(departures: Mapping[int, Sequence[str]]) -> set[int]:
    return {place for place, fields in departures.items() if any(map(_may_be_mapped, fields))}


def _renamed(
    erp: ErpWitness,
    asked: Sequence[Content],
    cancelled: Collection[str],
    departures: Mapping[int, Sequence[str]],
    names: MappedCodes,
) -> Mapping[int, Sequence[str]]:
    """What differs from documents with these names."""
    doubtful = _doubtful(departures)
    renaming = [(one, renamed(one.document, names)) for one in asked if one.document_id in doubtful]
    other = [msgspec.structs.replace(one, document=document) for one, document in renaming if document != one.document]
    if not other:
        return departures
    again = erp.departures(other, cancelled)
    # The ledger's entry was compared already: its hash is that of the document as it came.
    told = {
        one.document_id: [
            *(field for field in again.get(one.document_id, ()) if not field.startswith(_LEDGER)),
            *(field for field in departures[one.document_id] if field.startswith(_LEDGER)),
        ]
        for one in other
    }
    return {**departures, **told}


def _may_be_mapped(field: str) -> bool:
    return "product_code" in field or "payments" in field


def _difference(
    booked: Booked, own: Sequence[Content], departures: Mapping[int, Sequence[str]]
) -> ErpDifference | None:
    """Nothing, if the ERP has it as any of its documents says: a later version may have mended it."""
    differing: list[str] = []
    for content in own:
        fields = list(departures.get(content.document_id, ()))
        if content.duplicate:
            fields = [field for field in fields if field != "till"]  # it was booked for another one
        if not fields:
            return None
        if not content.duplicate or not differing:
            differing = fields
    if not differing:
        return None
    named = ", ".join(differing[:_MOST_FIELDS])
    more = f" (+{len(differing) - _MOST_FIELDS})" if len(differing) > _MOST_FIELDS else ""
    return ErpDifference(booked, _what(booked, differing), None, named + more)


def _what(booked: Booked, fields: Sequence[str]) -> What:
    if booked.kind == "number_void":
        return "void" if GONE in fields else "doubled" if TWICE in fields else "content"
    if booked.kind != "sale":
        return "doubled" if TWICE in fields else "content"
    names = {field.lstrip("+-").split("[")[0] or field for field in fields}
    otherwise: What = "note" if NOTE_GONE in fields else "content"
    return next((what for what, those in _OF_FIELDS if names & those), otherwise)
