"""Whether the ledger's entries still say what they said when they were entered: who booked, which document, what."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from malote.erp import numbers, statements
from malote.erp.connecting import over_ledger
from malote.erp.mapping import ErpTables
from malote.erp.protocol import TWICE
from malote.fiscal.documents import Document, NumberVoid, Sale, content_hash, has_content, identity

CONTENT, TILL, DOCUMENT = "ledger.content_hash", "ledger.till", "ledger.document_id"


def departures(connection: Connection, tables: ErpTables, batch: Sequence[Any]) -> dict[int, list[str]]:
    """By document what differs in its entry. ``batch`` as of ``Erp.departures``, all documents of an identity among
    them. Only of an identity whose booker is known: of a duplicate another server may have made the entry, or an older
    document of which nothing is left here. Raises ``ErpError``."""
    groups: dict[str, list[Any]] = defaultdict(list)
    for one in batch:
        groups[identity(one.document)].append(one)
    wanted = [name for name, those in groups.items() if any(not _is_duplicate(one) for one in those)]
    found: dict[int, list[str]] = {}
    with over_ledger(tables.ledger_name):
        guards = {name: _numbers(groups[name][0].document) for name in wanted}
        entries = _entries(connection, tables, [*wanted, *itertools.chain.from_iterable(guards.values())])
    for name in wanted:
        own = entries.get(name, [])
        doubled = any(len(entries.get(each, ())) > 1 for each in (name, *guards[name]))
        fields = [TWICE] if doubled else _differing(own[0], groups[name]) if own else []
        if fields:
            found |= {one.document_id: fields for one in groups[name]}
    return found


def merged(one: Mapping[int, list[str]], other: Mapping[int, list[str]]) -> dict[int, list[str]]:
    return {place: [*one.get(place, ()), *other.get(place, ())] for place in {**one, **other}}


def _entries(connection: Connection, tables: ErpTables, identities: Iterable[str]) -> Mapping[str, list[Any]]:
    """What the ledger has under each; once, unless somebody took its key away."""
    found: dict[str, list[Any]] = defaultdict(list)
    for some in statements.steps(set(identities)):
        for row in connection.execute(statements.ledger_entries(tables, some)):
            found[row.identity.rstrip()].append(row)
    return found


def _differing(entry: Any, own: Sequence[Any]) -> list[str]:
    """A later version may have been booked in the first one's place: its content then stands there, under its number or
    the first one's."""
    held = bytes(entry.content_hash)
    saying = [one for one in own if held == content_hash(one.document) or has_content(one.document, held)]
    bookers = [one for one in own if not _is_duplicate(one)]
    if not any(one in saying for one in bookers):
        bookers += saying
    fields = []
    if str(entry.document_id) not in {str(one.document_id) for one in bookers}:
        fields.append(DOCUMENT)
    if entry.till not in {one.till for one in bookers}:
        fields.append(TILL)
    if not saying:
        fields.append(CONTENT)
    return fields


def _numbers(document: Document) -> Sequence[str]:
    """The rows that guard a document's numbers."""
    if isinstance(document, Sale):
        return [number] if (number := numbers.identity_of(document.access_key)) else []
    return numbers.identities_of(document) if isinstance(document, NumberVoid) else []


def _is_duplicate(one: Any) -> bool:
    return bool(getattr(one, "duplicate", False))
