"""What ``malote read --json`` says of a document. The structures are its schema (docs/reading.schema.json).

See ``fiscal.json_form`` for what is in it. Fields are only ever added, at the end.
"""

from typing import Any

import msgspec

from malote import rejection
from malote.fiscal.amounts import money
from malote.fiscal.documents import Cancellation, Sale, identity
from malote.fiscal.json_form import (
    EventRead,
    ItemRead,
    PaymentRead,
    ProtocolRead,
    VoidRead,
    amounts,
    event_of,
    items_of,
    payments_of,
    protocol_of,
    reason_of,
    void_of,
)
from malote.fiscal.reader import Reading, summary
from malote.rejection import Language


class ProblemRead(msgspec.Struct, frozen=True):
    code: str
    severity: str  # reject, warning or keep
    message: str


class DocumentRead(msgspec.Struct, frozen=True):
    file: str
    kind: str | None
    key: str | None
    model: str | None
    cnpj: str | None
    series: int | None
    number: int | None
    issued_at: str | None
    environment: int | None
    emission: int | None
    authorised: bool | None
    total: str | None
    items: list[ItemRead]
    payments: list[PaymentRead]
    change: str | None
    problems: list[ProblemRead]
    warnings: list[str]  # the codes among the problems that reject nothing
    norm: str | None  # version of the rules that were applied
    totals: dict[str, str] | None  # as the document's header states them
    protocol: ProtocolRead | None
    event: EventRead | None
    identity: str | None  # what can happen only once
    access_key: str | None  # the same as key, and issuer the same as cnpj: as an ERP is told
    issuer: str | None
    reason: str  # of a cancellation or void
    substitute: str  # of a cancellation: key of the note that takes the sale's place
    sale_protocol: str
    void: VoidRead | None


def document_read(file: str, reading: Reading, language: Language) -> DocumentRead:
    """One document in that shape."""
    seen = summary(reading)
    document = reading.document
    sale = document if isinstance(document, Sale) else None
    problems = [ProblemRead(one.code, one.severity, rejection.message(one, language)) for one in reading.problems]
    return DocumentRead(
        file,
        seen.kind,
        seen.access_key,
        seen.model,
        seen.issuer,
        seen.series,
        seen.number,
        seen.issued_at,
        seen.environment,
        seen.emission,
        seen.authorised,
        None if seen.total is None else money(seen.total),
        items_of(sale),
        payments_of(sale),
        None if seen.change is None else money(seen.change),
        problems,
        [one.code for one in problems if one.severity == "warning"],
        sale.norm if sale else None,
        amounts(sale.totals) if sale else None,
        protocol_of(document),
        event_of(document),
        identity(document) if document else None,
        seen.access_key,
        seen.issuer,
        reason_of(document),
        document.substitute if isinstance(document, Cancellation) else "",
        document.sale_protocol if isinstance(document, Cancellation) else "",
        void_of(document),
    )


def schema() -> dict[str, Any]:
    """The JSON schema of one line."""
    return msgspec.json.schema(DocumentRead)
