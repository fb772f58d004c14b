"""A sale whose access key somebody changed in the ERP: what was booked is gone, and a sale that nobody sent is there.

Both are one row, and so one difference: the lost sale and the stranger of the same till, moment and total. It isn't
booked again: then the ERP would have it twice.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import Engine, select

from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.erp_tables import erp_difference, erp_stranger
from malote.reconciliation import strangers
from malote.reconciliation.erp_differences import ErpDifference, ErpWitness, What

KEY: What = strangers.PAIRED
MOST_LOOKED = 100  # lost sales: where there are more, an older copy was put in the ERP's place
_LOST: frozenset[What] = frozenset({"missing", "deleted"})


def paired(engine: Engine, erp: ErpWitness, found: Sequence[ErpDifference], now: float) -> list[ErpDifference]:
    """``found``, with the lost sales that stand there under another key told as that; ``fields`` is the key.

    Of those that are lost since now the ERP is asked for strangers first. Raises ``StoreError`` and what the ERP
    raises.
    """
    lost = [one for one in found if one.what in _LOST and one.booked.kind == "sale"]
    if not lost:
        return list(found)
    fresh = _fresh(engine, lost)
    if len(fresh) <= MOST_LOOKED:
        for till_id, months in _months(fresh).items():
            strangers.look(engine, erp, sorted(months), now, till_id)
    keys = _keys(engine, lost)
    return [_told(one, keys[one.booked.id]) if one.booked.id in keys else one for one in found]


def _told(one: ErpDifference, stranger: Any) -> ErpDifference:
    return msgspec.structs.replace(one, what=KEY, erp_total=stranger.total, fields=stranger.access_key)


def _fresh(engine: Engine, lost: Sequence[ErpDifference]) -> list[ErpDifference]:
    """Those of which nothing was known."""
    known: set[int] = set()
    with reading(engine) as connection:
        for some in chunks([one.booked.id for one in lost]):
            query = select(erp_difference.c.document_id).where(erp_difference.c.document_id.in_(some))
            known |= set(connection.scalars(query))
    return [one for one in lost if one.booked.id not in known]


def _months(lost: Sequence[ErpDifference]) -> Mapping[int, set[date]]:
    """By till those that the keys name."""
    found: dict[int, set[date]] = defaultdict(set)
    for one in lost:
        year, month = one.booked.access_key[2:4], one.booked.access_key[4:6]
        if year.isdigit() and month.isdigit() and 1 <= int(month) <= 12:
            found[one.booked.till_id].add(date(2000 + int(year), int(month), 1))
    return found


def _keys(engine: Engine, lost: Sequence[ErpDifference]) -> dict[int, Any]:
    """By document the one stranger that it must be; where several sales may be one, nobody can tell."""
    candidates: dict[int, list[Any]] = defaultdict(list)
    for one in _strangers(engine, {one.booked.till_id for one in lost}):
        candidates[one.till_id].append(one)
    found: dict[int, Any] = {}
    claims: dict[str, int] = defaultdict(int)
    for one in lost:
        alike = [each for each in candidates[one.booked.till_id] if _is_alike(one, each)]
        if len(alike) == 1:
            found[one.booked.id] = alike[0]
        for each in alike:
            claims[each.access_key] += 1
    return {document: one for document, one in found.items() if claims[one.access_key] == 1}


def _strangers(engine: Engine, till_ids: set[int]) -> list[Any]:
    found: list[Any] = []
    with reading(engine) as connection:
        for some in chunks(sorted(till_ids)):
            found += connection.execute(select(erp_stranger).where(erp_stranger.c.till_id.in_(some)))
    return found


def _is_alike(lost: ErpDifference, stranger: Any) -> bool:
    if stranger.total not in {*lost.booked.totals, lost.booked.total}:
        return False
    try:
        there = datetime.fromisoformat(stranger.issued_at or "")
        own = datetime.fromisoformat(lost.booked.issued_at or "")
    except ValueError:
        return False
    # An ERP without zones has what the note's own clock showed.
    return own.replace(tzinfo=None) == there if there.tzinfo is None else own == there
