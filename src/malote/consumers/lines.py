"""What consumers are told of a document: the schema of ``malote read --json`` as the ERP is handed it, and its state.

One JSON object, a line of its own in pages and files. Fields are only ever added, at the end.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal

import msgspec
from sqlalchemy import Engine

from malote import rejection
from malote.fiscal.amounts import money
from malote.fiscal.documents import Document, cancellation_of
from malote.fiscal.json_form import DocumentTold, told
from malote.register.reopening import ExtractedPlace, reopened
from malote.rejection import Language
from malote.spool.extracted import by_its_own_clock, is_of
from malote.spool.feed import Change

State = Literal[
    "booked", "cancelled", "voided", "authorised", "taken_back", "rejected", "deleted", "kept", "pending", "waiting"
]


class ReasonTold(msgspec.Struct, frozen=True):
    code: str
    title: str


class SaleTold(DocumentTold, frozen=True, kw_only=True):
    """A document, and what became of it."""

    state: State  # in a page or a webhook: what happened; asked by key: how it stands now
    state_at: str  # ISO 8601, by the document's own clock; UTC's where none can be read
    state_reason: ReasonTold | None  # of rejected, deleted, taken_back, kept and waiting
    cursor: str  # where to go on after this line; "" where the line is none of the feed
    duplicate: bool  # whether the ERP had it already: told before, unless the machine died in between
    complete: bool  # false where only what identifies it is left, since its content left the server or can't be read


class Telling(msgspec.Struct, frozen=True):
    """How one consumer is told. ``personal``: with the CPF or CNPJ of the sale's consumer."""

    language: Language = "pt"
    personal: bool = False


def lines_of(engine: Engine, telling: Telling, changes: Sequence[Change]) -> Iterator[tuple[Change, SaleTold]]:
    """Each change with what is told of it, in order. Raises ``StoreError``."""
    places = [ExtractedPlace(one.document_id, one.pouch_id, one.extracted_index) for one in changes]
    for one, (_, document) in zip(changes, reopened(engine, places), strict=True):
        yield one, line_of(telling, one, document, one.what, one.cursor if one.number else "")


def line_of(telling: Telling, change: Change, document: Document | None, state: State, cursor: str) -> SaleTold:
    """What is told of a document in this state: what its line here says, where its form isn't that document's."""
    if document is not None and not is_of(document, change.access_key, change.total):
        document = None
    fields = _fields(by_its_own_clock(document, change.issued_at) if document else None, change)
    if not telling.personal:
        fields["consumer"] = ""
    if change.issued_at:
        # Of what is left of a document too.
        fields["issued_at"] = change.issued_at
    if change.authorised is not None:
        # Or by an answer that came in a file of its own.
        fields["authorised"] = change.authorised
    return SaleTold(
        **fields,
        state=state,
        state_at=datetime.fromtimestamp(change.at, _clock(change.issued_at)).isoformat(),
        state_reason=_reason(change.code, telling.language),
        cursor=cursor,
        duplicate=change.duplicate,
        complete=document is not None,
    )


def _clock(issued_at: str | None) -> tzinfo:
    """By which a document was written."""
    try:
        return datetime.fromisoformat(issued_at or "").tzinfo or UTC
    except ValueError:
        return UTC


def schema() -> dict[str, Any]:
    """The JSON schema of one line."""
    return msgspec.json.schema(SaleTold)


def _reason(code: str | None, language: Language) -> ReasonTold | None:
    return ReasonTold(code, rejection.title(code, language)) if code else None


def _fields(document: Document | None, change: Change) -> dict[str, Any]:
    if document is None:
        return _known(change)
    said = told(document, change.till)
    return {name: getattr(said, name) for name in said.__struct_fields__}


def _known(change: Change) -> dict[str, Any]:
    """Of what isn't here any more, or never could be read: what people find it by."""
    kind = change.kind or "unknown"
    key = change.access_key
    identity = cancellation_of(key) if key and kind == "cancellation" else key
    fields: dict[str, Any] = dict.fromkeys(DocumentTold.__struct_fields__)
    return fields | {
        "identity": identity or f"file:{change.file_sha256.hex()}:{change.position}",
        "kind": kind,
        "access_key": change.access_key,
        "till": change.till,
        "model": change.model,
        "issuer": change.issuer,
        "series": change.series,
        "number": change.document_number,
        "issued_at": change.issued_at,
        "environment": 0,
        "authorised": bool(change.authorised),
        "consumer": "",
        "total": None if change.total is None else money(change.total),
        "items": [],
        "payments": [],
        "reason": "",
        "substitute": "",
        "sale_protocol": "",
    }
