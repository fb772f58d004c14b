"""A document as one JSON object: what an ERP's procedure is handed, and the lines of ``malote read --json``.

Money is a decimal string in reais, quantities and rates are strings with the digits of the document, times are ISO 8601
with their zone. Names are those of the ERP's fields. Fields are only ever added, at the end.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from malote.fiscal.amounts import money
from malote.fiscal.documents import (
    Cancellation,
    Document,
    Event,
    Item,
    NumberVoid,
    Payment,
    Protocol,
    Sale,
    Totals,
    identity,
    kind,
)


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
    product_code: str  # the same as code, by the ERP's name of it


class PaymentRead(msgspec.Struct, frozen=True):
    method: str
    amount: str
    acquirer: str
    brand: str
    authorisation: str
    description: str


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


class VoidRead(msgspec.Struct, frozen=True):
    """Numbers that will never be used, both ends included."""

    first: int
    last: int
    year: int


class DocumentTold(msgspec.Struct, frozen=True):
    """All of a document, for whom it is booked. What a kind of document lacks is null or empty."""

    identity: str  # what can happen only once: a sale's access key, cancel:KEY, void:…
    kind: str  # sale, cancellation, number_void, event, answer
    access_key: str | None  # of a cancellation or answer, the sale's
    till: str
    model: str | None
    issuer: str | None
    series: int | None
    number: int | None
    issued_at: str | None  # of a cancellation, when it was made
    environment: int
    emission: int | None
    authorised: bool
    consumer: str  # CPF or CNPJ; "" where none is named
    total: str | None
    change: str | None
    items: list[ItemRead]
    payments: list[PaymentRead]
    totals: dict[str, str] | None
    protocol: ProtocolRead | None
    norm: str | None
    event: EventRead | None
    reason: str  # of a cancellation or void, as it was written
    substitute: str  # of a cancellation: key of the note that takes the sale's place
    sale_protocol: str  # of a cancellation: the number of the sale's own protocol
    void: VoidRead | None


def told(document: Document, till: str) -> DocumentTold:
    """The document in that shape."""
    sale = document if isinstance(document, Sale) else None
    issued_at = getattr(document, "issued_at", None) or getattr(document, "at", None)
    return DocumentTold(
        identity(document),
        kind(document),
        getattr(document, "access_key", None),
        till,
        getattr(document, "model", None),
        getattr(document, "issuer", None),
        getattr(document, "series", None),
        getattr(document, "number", None) if sale else None,
        moment(issued_at),
        document.environment,
        sale.emission if sale else None,
        document.authorised,
        sale.consumer if sale else "",
        money(sale.totals.total) if sale else None,
        money(sale.change) if sale else None,
        items_of(document),
        payments_of(document),
        amounts(sale.totals) if sale else None,
        protocol_of(document),
        sale.norm if sale else None,
        event_of(document),
        reason_of(document),
        document.substitute if isinstance(document, Cancellation) else "",
        document.sale_protocol if isinstance(document, Cancellation) else "",
        void_of(document),
    )


def items_of(document: Document | None) -> list[ItemRead]:
    return [_item(item) for item in document.items] if isinstance(document, Sale) else []


def payments_of(document: Document | None) -> list[PaymentRead]:
    return [_payment(one) for one in document.payments] if isinstance(document, Sale) else []


def amounts(sums: Totals) -> dict[str, str]:
    return {name: money(cents) for name, cents in msgspec.structs.asdict(sums).items()}


def protocol_of(document: Document | None) -> ProtocolRead | None:
    protocol: Protocol | None = getattr(document, "protocol", None)
    if protocol is None:
        return None
    alerts = [AlertRead(code, message) for code, message in protocol.alerts]
    return ProtocolRead(protocol.number, protocol.status, moment(protocol.at), alerts)


def event_of(document: Document | None) -> EventRead | None:
    match document:
        case Event():
            return EventRead(document.event, document.sequence, document.description)
        case Cancellation():
            return EventRead(document.event, document.sequence, "")
    return None


def reason_of(document: Document | None) -> str:
    return document.reason if isinstance(document, Cancellation | NumberVoid) else ""


def void_of(document: Document | None) -> VoidRead | None:
    return VoidRead(document.first, document.last, document.year) if isinstance(document, NumberVoid) else None


def moment(value: datetime | None) -> str | None:
    return value.isoformat() if value else None


def schema() -> dict[str, Any]:
    """The JSON schema of one document as it is handed on."""
    return msgspec.json.schema(DocumentTold)


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
        item.product_code,
    )


def _payment(one: Payment) -> PaymentRead:
    return PaymentRead(one.method, money(one.amount), one.acquirer, one.brand, one.authorisation, one.description)


def _said(value: object) -> str | None:
    match value:
        case int():
            return money(value)
        case Decimal() | str():
            return str(value)
    return None
