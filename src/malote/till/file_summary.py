"""What a file is about, as far as it can be read. The till refuses nothing: judging is the server's."""

from malote.fiscal import reader
from malote.fiscal.documents import NumberVoid
from malote.till.outbox_records import DocumentLine


def describe(content: bytes) -> list[DocumentLine]:
    """One line per document of the file; a line without a kind where nothing could be read. Never raises."""
    try:
        return [_line(reading) for reading in reader.read(content)]
    except Exception:  # noqa: BLE001 - a file that breaks the reader goes to the server all the same, and is told there
        return [DocumentLine()]


def is_whole(content: bytes) -> bool:
    """Whether every document of it can be read to its end: it isn't being written any more. Never raises."""
    try:
        readings = reader.read(content)
    except Exception:  # noqa: BLE001 - as above
        return False
    return bool(readings) and all(reading.document is not None for reading in readings)


def _line(reading: reader.Reading) -> DocumentLine:
    known = reader.summary(reading)
    document = reading.document
    return DocumentLine(
        kind=known.kind,
        access_key=known.access_key,
        issuer=known.issuer,
        model=known.model,
        series=known.series,
        number=known.number,
        last_number=document.last if isinstance(document, NumberVoid) else known.number,
        issued_at=known.issued_at,
        total=known.total,
    )
