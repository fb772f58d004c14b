"""What the reader hands over: a document, or what could be read of it, with every problem found."""

from collections.abc import Iterable

import msgspec

from malote.fiscal.access_key import SAT_MODEL, is_well_formed, split
from malote.fiscal.documents import Answer, Cancellation, Document, Event, Kind, NumberVoid, Sale, kind
from malote.fiscal.problems import Problem


class Summary(msgspec.Struct, frozen=True):
    """The identifying fields of a document, as far as they could be read. Money in cents.

    Of a cancellation, ``access_key`` with its model, series and number are those of the sale it cancels, and
    ``issued_at`` is the moment of the cancellation. Of voided numbers, ``number`` is the first of them.
    """

    kind: Kind | None = None
    access_key: str | None = None
    model: str | None = None
    issuer: str | None = None
    series: int | None = None
    number: int | None = None
    issued_at: str | None = None  # ISO 8601 with zone
    environment: int | None = None
    emission: int | None = None
    authorised: bool | None = None
    total: int | None = None
    items: int | None = None  # how many
    payments: int | None = None  # how many
    change: int | None = None
    last_number: int | None = None  # of voided numbers


class Reading(msgspec.Struct, frozen=True):
    """One document of a file.

    ``document`` is None when what must be booked could not be read; a document with a problem of severity "reject"
    was read whole and must not be booked either. ``partial`` is what is known of a document that is None.
    """

    document: Document | None
    kind: Kind | None
    problems: list[Problem] = []
    partial: Summary | None = None

    @property
    def rejected(self) -> bool:
        return any(problem.severity == "reject" for problem in self.problems)


def unreadable(problems: Iterable[Problem], partial: Summary | None = None) -> Reading:
    """A reading without a document."""
    return Reading(None, partial.kind if partial else None, list(problems), partial)


def summary(reading: Reading) -> Summary:
    """The identifying fields of a reading, whether its document is whole or not."""
    document = reading.document
    match document:
        case None:
            return reading.partial or Summary(kind=reading.kind)
        case Sale():
            return _of_sale(document)
        case Cancellation():
            return _of_cancellation(document)
        case NumberVoid():
            return _of_void(document)
        case Event():
            return _of_event(document)
        case Answer():
            return _of_answer(document)


def _of_sale(sale: Sale) -> Summary:
    return Summary(
        kind=kind(sale),
        access_key=sale.access_key,
        model=sale.model,
        issuer=sale.issuer,
        series=sale.series,
        number=sale.number,
        issued_at=sale.issued_at.isoformat(),
        environment=sale.environment,
        emission=sale.emission,
        authorised=sale.authorised,
        total=sale.totals.total,
        items=len(sale.items),
        payments=len(sale.payments),
        change=sale.change,
    )


def _of_cancellation(cancellation: Cancellation) -> Summary:
    return msgspec.structs.replace(
        named_by_key("cancellation", cancellation.access_key),
        issuer=cancellation.issuer,
        issued_at=cancellation.at.isoformat(),
        environment=cancellation.environment,
        authorised=cancellation.authorised,
    )


def _of_event(event: Event) -> Summary:
    return msgspec.structs.replace(
        named_by_key("event", event.access_key),
        issued_at=event.at.isoformat(),
        environment=event.environment,
        authorised=event.authorised,
    )


def _of_answer(answer: Answer) -> Summary:
    return msgspec.structs.replace(
        named_by_key("answer", answer.access_key),
        issued_at=answer.at.isoformat() if answer.at else None,
        environment=answer.environment,
        authorised=answer.authorised,
    )


def _of_void(void: NumberVoid) -> Summary:
    return Summary(
        kind=kind(void),
        model=void.model,
        issuer=void.issuer,
        series=void.series,
        number=void.first,
        last_number=void.last,
        issued_at=void.at.isoformat() if void.at else None,
        environment=void.environment,
        authorised=void.authorised,
    )


def named_by_key(document_kind: Kind | None, key: str) -> Summary:
    """What a key alone tells; only the key itself when it is malformed."""
    if not is_well_formed(key):
        return Summary(kind=document_kind, access_key=key or None)
    parts = split(key)
    return Summary(
        kind=document_kind,
        access_key=key,
        model=parts.model,
        issuer=parts.issuer,
        series=parts.series,
        number=parts.number,
        emission=None if parts.model == SAT_MODEL else parts.emission,
    )
