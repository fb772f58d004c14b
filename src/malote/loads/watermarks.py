"""Up to which change of an entity the ERP has been read: whatever its column of changes holds, a number or a time."""

from datetime import MINYEAR, UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from malote.loads.written_values import grows

Watermark = int | float | Decimal | str | date | datetime

_AHEAD = timedelta(days=1)  # of this clock: an ERP may have another zone, and no time of its own says which
_DAY = timedelta(days=1)
_KINDS: dict[str, type[date] | type[datetime] | type[Decimal]] = {"instant": datetime, "day": date, "number": Decimal}


def later(newest: Watermark | None, changed: Any, now: float | None) -> Watermark | None:
    """The later of both. What no other change can be compared with, or lies far ahead of ``now``, is none: one row with
    a mistyped year would let all changes until then pass by. Nor is a text that doesn't grow with time."""
    if not isinstance(changed, Watermark) or not grows(changed) or is_ahead(changed, now):
        return newest
    if isinstance(changed, date) and changed.year == MINYEAR:  # before the calendar: nothing is earlier
        return newest
    try:
        return changed if newest is None or changed > newest else newest  # type: ignore[operator, unused-ignore]
    except (TypeError, ArithmeticError):  # a column of several kinds, as SQLite lets one be; no number
        return newest


def is_ahead(changed: Watermark, now: float | None) -> bool:
    """Of a number nobody knows."""
    moment = _moment(changed)
    if moment is None or now is None:
        return False
    return moment.replace(tzinfo=moment.tzinfo or UTC) > datetime.fromtimestamp(now, UTC) + _AHEAD


def earlier(since: Watermark, overlap: int) -> Watermark:
    """Less what may have been written before and committed later: numbers or seconds; of days, whole ones."""
    if isinstance(since, int | float | Decimal):
        return since - overlap
    if isinstance(since, date) and not isinstance(since, datetime):
        return since - _DAY * -(-overlap // _DAY.total_seconds())
    moment = _moment(since)
    if moment is None:
        return since
    before = moment - timedelta(seconds=overlap)
    return before if not isinstance(since, str) else before.isoformat(" " if " " in since else "T")


def _moment(changed: Watermark) -> datetime | None:
    """None of a number, and of a text that is no time."""
    if isinstance(changed, datetime):
        return changed
    try:
        return datetime.fromisoformat(str(changed)) if isinstance(changed, str | date) else None
    except ValueError:
        return None


def written(since: Watermark) -> str:
    """As the store database keeps it."""
    for name, kind in _KINDS.items():
        if isinstance(since, kind):
            return msgspec.json.encode({name: str(since)}).decode()
    return msgspec.json.encode(since).decode()


def read(text: str) -> Watermark | None:
    if not text:
        return None
    found = msgspec.json.decode(text)
    if not isinstance(found, dict):
        return found  # type: ignore[no-any-return, unused-ignore]
    ((name, spelt),) = found.items()
    kind = _KINDS[name]
    return Decimal(spelt) if kind is Decimal else kind.fromisoformat(spelt)  # type: ignore[union-attr, unused-ignore]
