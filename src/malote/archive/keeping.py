"""The archive before pruning: a month of an issuer is written once it is over and its retention has ended.

What comes later for a month that was written is a part of its own; no file is ever written anew, since the server may
no longer have what is in it. Sales without protocol are in it too, told as such: their answer may still come. A part
counts only when its file is on the disk and its row committed: dying in between, it is written again.
"""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import Engine, func, insert, select

from malote import durable
from malote import log as logs
from malote.archive.exporting import ArchivePart, ExportedMonth, export
from malote.archive.selecting import ArchiveMonth
from malote.database.archive_tables import archive_part
from malote.database.chunks import chunks
from malote.database.engine import reading, writing
from malote.database.kept_tables import damaged_file
from malote.database.tables import document as documents
from malote.database.tables import pouch as pouches
from malote.fiscal.cnpj import is_cnpj, is_cpf
from malote.spool.archived import ISSUER, MONTH, is_archived, is_legal

log = logs.get_logger("malote.archive")


def archive(engine: Engine, folder: Path, before: float) -> int:
    """Writes what pruning up to ``before`` (seconds since the epoch) waits for. How many documents.

    Raises ``StoreError``, ``OSError``.
    """
    count = 0
    for issuer, month in _ripe(engine, before):
        part, after = _next(engine, issuer, month)
        place = durable.make_folder(folder / issuer, mode=0o700)
        suffix = f"-{part}" if part > 1 else ""
        file = place / f"{issuer}-{month.text}{suffix}.zip"
        written = export(engine, ArchivePart(issuer, month, after, unauthorised=True), file)
        if _is_unanswered(engine, written.damaged):
            # Nothing of the month goes meanwhile: its file may be brought, or a person says that there is none.
            file.unlink()
            log.error("archive_waits", month=month.text, damaged=len(written.damaged))
            continue
        _note(engine, written, part)
        log.info("archived", file=str(file), documents=written.documents, sha256=written.sha256)
        count += written.documents
    return count


def _is_unanswered(engine: Engine, damaged: Sequence[int]) -> bool:
    """Whether nobody has answered for any of these documents' files yet."""
    answered = 0
    with reading(engine) as connection:
        for some in chunks(damaged):
            own = (damaged_file.c.document_id.in_(some), damaged_file.c.accepted_at.is_not(None))
            answered += connection.scalar(select(func.count()).select_from(damaged_file).where(*own)) or 0
    return answered < len(damaged)


def _ripe(engine: Engine, before: float) -> Iterator[tuple[str, ArchiveMonth]]:
    """Issuers and months of which content here is old enough to go and stands in no part."""
    today = datetime.fromtimestamp(before, UTC).date()
    query = (
        select(ISSUER.label("issuer"), MONTH.label("month"))
        .select_from(documents.join(pouches, pouches.c.id == documents.c.pouch_id))
        .where(pouches.c.pruned_at.is_(None), pouches.c.received_at < before, is_legal(), ~is_archived())
        .distinct()
    )
    with reading(engine) as connection:
        found = sorted((row.issuer or "", row.month or "") for row in connection.execute(query))
    for issuer, text in found:
        try:
            month = ArchiveMonth(text)
        except ValueError:
            continue
        # The issuer names a folder.
        if (is_cnpj(issuer) or is_cpf(issuer)) and date.fromisoformat(month.end) <= today:
            yield issuer, month


def _next(engine: Engine, issuer: str, month: ArchiveMonth) -> tuple[int, int]:
    """The number of the next part, and the document that the last one ends with."""
    mine = (archive_part.c.issuer == issuer) & (archive_part.c.month == month.text)
    query = select(func.max(archive_part.c.part), func.max(archive_part.c.last_id)).where(mine)
    with reading(engine) as connection:
        part, last_id = connection.execute(query).one()
    return (part or 0) + 1, last_id or 0


def _note(engine: Engine, written: ExportedMonth, part: int) -> None:
    values = {
        "issuer": written.issuer,
        "month": written.month,
        "part": part,
        "file": written.file,
        "sha256": written.sha256,
        "documents": written.documents,
        "last_id": written.last_id,
        "written_at": time.time(),
    }
    with writing(engine) as connection:
        connection.execute(insert(archive_part).values(values))
