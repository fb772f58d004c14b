"""What ``malote read --json`` says of a document. The structures are its schema (docs/reading.schema.json).

Money is a decimal string in reais, quantities and rates are strings with the digits of the document. Fields are only
ever added, at the end.
"""

from decimal import Decimal
from typing import Any

import msgspec

from malote import rejection
from malote.fiscal.amounts import money
from malote.fiscal.documents import Cancellation, Document, Event, Item, Protocol, Sale, Totals
from malote.fiscal.reader import Reading, summary
from malote.rejection import Language


class ItemRead(msgspec.Struct, frozen=True):
    number: int
    code: str
    gtin: str
    description: str
    ncm: str
    cfop: str
    unit: str
    quantity: str
    unit_price: str
    gross: str
    discount: str
    freight: str
    insurance: str
    other: str
    in_total: bool
    taxes: dict[str, str | None]  # by the ERP's column names; null where the document has no such rate


class PaymentRead(msgspec.Struct, frozen=True):
    method: str
    amount: str


class ProblemRead(msgspec.Struct, frozen=True):
    code: str
    severity: str  # reject, warning or keep
    message: str


class AlertRead(msgspec.Struct, frozen=True):
    code: str
    message: str


class ProtocolRead(msgspec.Struct, frozen=True):
    number: str
    status: int  # cStat
    at: str | None
    alerts: list[AlertRead]


class EventRead(msgspec.Struct, frozen=True):
    type: str  # tpEvento, or CFeCanc
    sequence: int
    description: str


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


def document_read(file: str, reading: Reading, language: Language) -> DocumentRead:
    """One document in that shape."""
    seen = summary(reading)
    sale = reading.document if isinstance(reading.document, Sale) else None
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
        [_item(item) for item in sale.items] if sale else [],
        [PaymentRead(one.method, money(one.amount)) for one in sale.payments] if sale else [],
        None if seen.change is None else money(seen.change),
        problems,
        [one.code for one in problems if one.severity == "warning"],
        sale.norm if sale else None,
        _amounts(sale.totals) if sale else None,
        _protocol(reading.document),
        _event(reading.document),
    )


def schema() -> dict[str, Any]:
    """The JSON schema of one line."""
    return msgspec.json.schema(DocumentRead)


def _item(item: Item) -> ItemRead:
    return ItemRead(
        item.number,
        item.product_code,
        item.gtin,
        item.description,
        item.ncm,
        item.cfop,
        item.unit,
        str(item.quantity),
        str(item.unit_price),
        money(item.gross),
        money(item.discount),
        money(item.freight),
        money(item.insurance),
        money(item.other),
        item.in_total,
        {name: _said(value) for name, value in msgspec.structs.asdict(item.taxes).items()},
    )


def _said(value: object) -> str | None:
    match value:
        case int():
            return money(value)
        case Decimal() | str():
            return str(value)
    return None


def _amounts(sums: Totals) -> dict[str, str]:
    return {name: money(cents) for name, cents in msgspec.structs.asdict(sums).items()}


def _protocol(document: Document | None) -> ProtocolRead | None:
    protocol: Protocol | None = getattr(document, "protocol", None)
    if protocol is None:
        return None
    alerts = [AlertRead(code, message) for code, message in protocol.alerts]
    return ProtocolRead(protocol.number, protocol.status, protocol.at.isoformat() if protocol.at else None, alerts)


def _event(document: Document | None) -> EventRead | None:
    match document:
        case Event():
            return EventRead(document.event, document.sequence, document.description)
        case Cancellation():
            return EventRead(document.event, document.sequence, "")
    return None
