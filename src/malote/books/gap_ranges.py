"""Numbers that no document has, as ranges: what is missing of a series, and what is known of each part. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Literal

import msgspec

#   unknown   the till has not said whether it has it
#   absent    the till says that it has no such document: missing
#   at_till   the till says that it has it: not yet here
#   voided    nobody will use it any more
State = Literal["unknown", "absent", "at_till", "voided"]

VOIDING_DAY = 10  # of the month after: until then a number may be voided (Ajuste SINIEF 19/16, clause 16)


class Hole(msgspec.Struct, frozen=True):
    """Numbers that lie between two sales. ``till_id``, ``found_at`` (seconds since the epoch) and ``due`` (YYYY-MM-DD)
    as the sale behind it says."""

    first: int
    last: int
    till_id: int
    found_at: float
    due: str


class GapRange(msgspec.Struct, frozen=True):
    """A part of a hole of which everywhere the same is known. Times are seconds since the epoch."""

    first: int
    last: int
    till_id: int
    state: State
    found_at: float
    due: str
    told_at: float | None = None
    accepted_at: float | None = None

    @property
    def count(self) -> int:
        return self.last - self.first + 1


def voiding_due(issued_at: str | None, now: date) -> str:
    """The last day on which a number may be voided beside which this sale was issued."""
    try:
        issued = date.fromisoformat((issued_at or "")[:10])
    except ValueError:
        issued = now
    following = issued.replace(day=1) + timedelta(days=31)
    return following.replace(day=VOIDING_DAY).isoformat()


def parts_of(holes: Iterable[Hole], voids: Sequence[tuple[int, int]], known: Sequence[GapRange]) -> list[GapRange]:
    """The holes, cut where they are voided, and where something was known of them, which they keep."""
    found: list[GapRange] = []
    open_known = [one for one in known if one.state != "voided"]
    for hole in holes:
        for first, last, voided in cut(hole.first, hole.last, voids):
            part = GapRange(first, last, hole.till_id, "voided" if voided else "unknown", hole.found_at, hole.due)
            found += [part] if voided else _remembered(part, open_known)
    return found


def told(part: GapRange, present: Iterable[int], now: float) -> list[GapRange]:
    """The part, cut into what the till says it has and what it hasn't."""
    here = [(number, number) for number in sorted(set(present))]
    return [
        msgspec.structs.replace(part, first=first, last=last, state="at_till" if has else "absent", told_at=now)
        for first, last, has in _joined(cut(part.first, part.last, here))
    ]


def cut(first: int, last: int, ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, bool]]:
    """``first`` to ``last`` in order, each piece with whether it lies within one of the ranges, which may overlap."""
    at = first
    for start, end in sorted(ranges):
        if end < at or start > last:
            continue
        if start > at:
            yield at, start - 1, False
        yield max(start, at), min(end, last), True
        at = min(end, last) + 1
    if at <= last:
        yield at, last, False


def _joined(pieces: Iterable[tuple[int, int, bool]]) -> list[tuple[int, int, bool]]:
    """Neighbours of which the same is said are one."""
    found: list[tuple[int, int, bool]] = []
    for first, last, has in pieces:
        if found and found[-1][2] == has:
            first = found.pop()[0]
        found.append((first, last, has))
    return found


def _remembered(part: GapRange, known: Sequence[GapRange]) -> list[GapRange]:
    pieces: list[GapRange] = []
    for first, last, within in cut(part.first, part.last, [(one.first, one.last) for one in known]):
        piece = msgspec.structs.replace(part, first=first, last=last)
        if within:
            before = next(one for one in known if one.first <= first <= one.last)
            piece = msgspec.structs.replace(
                piece,
                state=before.state,
                found_at=before.found_at,
                told_at=before.told_at,
                accepted_at=before.accepted_at,
            )
        pieces.append(piece)
    return pieces
