"""Sales in the ERP that nobody sent: under a series of one of the tills, and in no file that ever came.

What was there before a till sent its first sale is not looked for, nor another till's, another server's or another
shop's: only keys of the tills' own series and months, from the first number on that the server knows of each.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, delete, exists, func, insert, select, update

from malote.database.chunks import chunks
from malote.database.engine import reading, writing
from malote.database.erp_tables import erp_difference, erp_stranger
from malote.database.tables import document as documents
from malote.database.tables import till_series
from malote.reconciliation.erp_differences import ComparedOwnSale, ErpWitness, What

PAIRED: What = "key"
PAGE = 2000  # keys looked up at once
_NUMBER = slice(25, 34)  # of a key


class Stranger(msgspec.Struct, frozen=True):
    access_key: str
    till_id: int
    total: int  # cents
    issued_at: str | None
    accepted: bool = False

    @property
    def series(self) -> int:
        return int(self.access_key[22:25])

    @property
    def number(self) -> int:
        return int(self.access_key[_NUMBER])


class _Range(msgspec.Struct, frozen=True):
    till_id: int
    prefix: str  # of keys: state, month, issuer, model and series
    first_number: int


def look(
    engine: Engine, erp: ErpWitness, months: Sequence[date], now: float, till_id: int | None = None
) -> list[Stranger]:
    """Those of these months, written down in place of what was known of them. Raises ``StoreError`` and what the ERP
    raises."""
    found: list[Stranger] = []
    for one in _ranges(engine, months, till_id):
        strangers = [each for page in _pages(erp, one) for each in _unknown(engine, one, page)]
        found += _noted(engine, one.prefix, strangers, now)
    return found


def is_paired() -> ColumnElement[bool]:
    """Whether it is a lost sale under another key, and told as such (changed_keys.py)."""
    return exists().where(erp_difference.c.what == PAIRED, erp_difference.c.fields == erp_stranger.c.access_key)


def tills_with_any(engine: Engine) -> set[int]:
    """Those of which strangers are known, which may have gone since. Raises ``StoreError``."""
    with reading(engine) as connection:
        return set(connection.scalars(select(erp_stranger.c.till_id).distinct()))


def accept(connection: Connection, now: float) -> tuple[int, int]:
    """Within the transaction: how many, and how many cents."""
    open_ = erp_stranger.c.accepted_at.is_(None)
    counted = select(func.count(), func.coalesce(func.sum(erp_stranger.c.total), 0)).where(open_, ~is_paired())
    count, total = connection.execute(counted).one()
    connection.execute(update(erp_stranger).where(open_).values(accepted_at=now))
    return int(count), int(total)


def _ranges(engine: Engine, months: Sequence[date], till_id: int | None) -> Iterator[_Range]:
    owned = select(till_series)
    with reading(engine) as connection:
        series = connection.execute(owned if till_id is None else owned.where(till_series.c.till_id == till_id)).all()
        for one in series:
            of_series = (documents.c.issuer == one.issuer, documents.c.model == one.model)
            numbered = (*of_series, documents.c.series == one.series, documents.c.number.is_not(None))
            query = select(documents.c.number, documents.c.access_key).where(*numbered, documents.c.kind == "sale")
            first = connection.execute(query.order_by(documents.c.number).limit(1)).first()
            if first is None or not first.access_key or len(first.access_key) != _KEY_LENGTH:
                continue
            for month in months:
                own = f"{first.access_key[:2]}{month:%y%m}{first.access_key[6:25]}"
                yield _Range(one.till_id, own, first.number)


_KEY_LENGTH = 44


def _pages(erp: ErpWitness, one: _Range) -> Iterator[list[ComparedOwnSale]]:
    page: list[ComparedOwnSale] = []
    for sale in erp.sales_between(one.prefix, one.prefix + "~"):
        page.append(sale)
        if len(page) == PAGE:
            yield page
            page = []
    yield page


def _unknown(engine: Engine, one: _Range, page: Sequence[ComparedOwnSale]) -> Iterator[Stranger]:
    known: set[str | None] = set()
    with reading(engine) as connection:
        for some in chunks([sale.access_key for sale in page]):
            known |= set(connection.scalars(select(documents.c.access_key).where(documents.c.access_key.in_(some))))
    for sale in page:
        if sale.access_key not in known and int(sale.access_key[_NUMBER]) >= one.first_number:
            issued_at = sale.issued_at.isoformat() if sale.issued_at else None
            yield Stranger(sale.access_key, one.till_id, sale.total or 0, issued_at)


def _noted(engine: Engine, prefix: str, found: Sequence[Stranger], now: float) -> list[Stranger]:
    within = (erp_stranger.c.access_key >= prefix) & (erp_stranger.c.access_key < prefix + "~")
    with reading(engine) as connection:
        known: Mapping[str, float | None] = {
            row.access_key: row.accepted_at for row in connection.execute(select(erp_stranger).where(within))
        }
    fresh = [one for one in found if one.access_key not in known]
    gone = sorted(set(known) - {one.access_key for one in found})
    if fresh or gone:
        with writing(engine) as connection:
            for some in chunks([*gone, *(one.access_key for one in fresh)]):
                connection.execute(delete(erp_stranger).where(erp_stranger.c.access_key.in_(some)))
            rows = [
                {name: getattr(one, name) for name in ("access_key", "till_id", "total", "issued_at")}
                | {"found_at": now}
                for one in fresh
            ]
            if rows:
                connection.execute(insert(erp_stranger), rows)
    return [msgspec.structs.replace(one, accepted=known.get(one.access_key) is not None) for one in found]
