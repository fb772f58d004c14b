"""A lock on some rows holds back only the documents that need those rows: the batch is booked around them."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from malote.erp.protocol import LOCKED, ErpError, Outcome, Posting
from malote.erp.sessions.watching import Holder
from malote.posting.bisect import Parts, post_in_parts

Held = Callable[[Sequence[Posting]], Mapping[int, Holder]]


class HeldError(ErpError):
    """The ERP is locked, and it is known by whom."""

    def __init__(self, holder: Holder) -> None:
        who = ", ".join(part for part in (holder.user, holder.program) if part)
        detail = f"{holder.object or '?'}: {holder.session}" + (f" ({who})" if who else "")
        super().__init__(LOCKED, detail=detail)
        self.holder = holder


def post_around(
    post: Callable[[Sequence[Posting]], list[Outcome]], held: Held, batch: Sequence[Posting], *, cautious: bool
) -> Parts:
    """As ``post_in_parts``, but a lock on rows ends the attempt only for the documents that need them.

    ``cautious``: a lock was met a moment ago, so that it is worth looking before the first try. There are two tries at
    most: what still meets a lock then waits whole, however many rows are held.
    """
    rest = list(batch)
    if cautious:
        holders = held(rest)
        yield from _waiting(rest, holders)
        rest = _others(rest, holders)
    for last_try in (False, True):
        locked: tuple[Sequence[Posting], ErpError] | None = None
        for part, result in post_in_parts(post, rest):
            if isinstance(result, ErpError) and result.code == LOCKED:
                locked = part, result
            else:
                yield part, result
        if locked is None:
            return
        part, error = locked
        holders = {} if last_try else held(part)
        if not holders:
            yield part, error
            return
        yield from _waiting(part, holders)
        rest = _others(part, holders)


def _waiting(batch: Sequence[Posting], holders: Mapping[int, Holder]) -> Parts:
    behind: dict[Holder, list[Posting]] = defaultdict(list)
    for posting in batch:
        if posting.document_id in holders:
            behind[holders[posting.document_id]].append(posting)
    for holder, part in behind.items():
        yield part, HeldError(holder)


def _others(batch: Sequence[Posting], holders: Mapping[int, Holder]) -> list[Posting]:
    return [posting for posting in batch if posting.document_id not in holders]
