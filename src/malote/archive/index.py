"""What stands in an archive's index, and what is its own form: the one thing that reading and writing agree on.

An archive is a ZIP file: ``documentos/`` with the files as they came, ``index.csv`` and ``index.json`` with a row for
each document, ``SHA256SUMS`` for ``sha256sum -c``. Amounts are decimal strings in reais, times ISO 8601 with zone.
"""

from typing import Any

import msgspec

CSV, JSON, SUMS, FOLDER = "index.csv", "index.json", "SHA256SUMS", "documentos"


class ArchiveRow(msgspec.Struct, frozen=True):
    """One document. Empty where it has none; ``path`` is empty where its file has left the server."""

    path: str
    sha256: str  # of the file, in hex
    kind: str  # sale, cancellation, number_void, event, answer
    access_key: str
    issuer: str
    model: str
    series: str
    number: str
    last_number: str  # of a void
    issued_at: str
    total: str
    state: str  # what became of it on the server: posted, kept, rejected, …
    authorised: str  # of a sale, whether it has its protocol: true or false
    till: str


FIELDS: tuple[str, ...] = ArchiveRow.__struct_fields__


def values(row: ArchiveRow) -> list[str]:
    """In the order of ``FIELDS``."""
    return [getattr(row, name) for name in FIELDS]


def row_of(found: dict[str, Any]) -> ArchiveRow:
    """A row as it was read; what is missing is empty."""
    return ArchiveRow(*(str(found.get(name) or "") for name in FIELDS))
