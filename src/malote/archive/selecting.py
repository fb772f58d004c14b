"""Which documents an archive holds: everything the authority has said yes to, and what was made of it, of one month.

Whatever became of it here: a note that the ERP refused is a note all the same.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Engine, and_, func, select

from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.database.tables import pouch as pouches
from malote.database.tables import till as tills
from malote.spool.archived import ISSUER, is_authorised, is_legal

_PAGE = 500


class ArchiveMonth(msgspec.Struct, frozen=True):
    """``text``: YYYY-MM. Raises ``ValueError`` for anything else."""

    text: str

    def __post_init__(self) -> None:
        if len(self.text) != 7:
            raise ValueError(self.text)
        date.fromisoformat(f"{self.text}-01")

    @property
    def end(self) -> str:
        """The first day of the next one."""
        year, month = int(self.text[:4]), int(self.text[5:])
        return f"{year + month // 12:04}-{month % 12 + 1:02}-01"


def issuers(engine: Engine, month: ArchiveMonth) -> list[str]:
    """The CNPJs that have documents of the month, as they write them. Raises ``StoreError``."""
    query = select(ISSUER).where(_of(month), is_authorised(), ISSUER.is_not(None)).distinct()
    with reading(engine) as connection:
        return sorted(connection.execute(query).scalars())


def without_protocol(engine: Engine, month: ArchiveMonth, issuer: str) -> int:
    """How many sales of the month have no protocol yet, so that they are left out. Raises ``StoreError``."""
    unauthorised = (documents.c.kind == "sale") & documents.c.authorised.is_not(True)
    open_ones = documents.c.state.in_(("accepted", "posting", "waiting", "posted"))
    query = select(func.count(documents.c.access_key.distinct())).where(
        _of(month), issuer == ISSUER, unauthorised, open_ones
    )
    with reading(engine) as connection:
        return int(connection.execute(query).scalar_one())


def count(engine: Engine, month: ArchiveMonth, issuer: str) -> int:
    """How many documents there are. Raises ``StoreError``."""
    query = select(func.count()).select_from(documents)
    with reading(engine) as connection:
        return int(connection.execute(query.where(*_wanted(month, issuer, 0, unauthorised=False))).scalar_one())


def pages(
    engine: Engine, month: ArchiveMonth, issuer: str, after: int = 0, *, unauthorised: bool = False
) -> Iterator[list[Any]]:
    """Their rows in order of arrival, beyond a document's id, a few hundred at a time. Raises ``StoreError``."""
    joined = documents.join(tills).join(pouches, pouches.c.id == documents.c.pouch_id)
    query = (
        select(documents, tills.c.name.label("till"), pouches.c.pruned_at, ISSUER.label("of_issuer"))
        .select_from(joined)
        .order_by(documents.c.id)
        .limit(_PAGE)
    )
    while True:
        wanted = _wanted(month, issuer, after, unauthorised=unauthorised)
        with reading(engine) as connection:
            rows = list(connection.execute(query.where(*wanted)).all())
        if not rows:
            return
        yield rows
        after = rows[-1].id


def _wanted(month: ArchiveMonth, issuer: str, after: int, *, unauthorised: bool) -> tuple[ColumnElement[bool], ...]:
    belongs = is_legal() if unauthorised else is_authorised()
    return _of(month), issuer == ISSUER, belongs, documents.c.id > after


def _of(month: ArchiveMonth) -> ColumnElement[bool]:
    return and_(documents.c.issued_at >= f"{month.text}-01", documents.c.issued_at < month.end)
