"""A trouble of the ERP's that a single document may bring about holds back only those it was met among.

Neither a timeout nor a deadlock says whose it is: the ERP's bad hour, or one sale that a trigger can't cope with. What
met one is tried apart from all others from then on, among ten, among three, alone; how many it last met it among
stands in its reason, so that another poster, or this one after a restart, goes on from there. Once it is alone with it
while others are booked, it is tried rarely, and a person told.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

import msgspec

from malote.erp.protocol import ErpError, Posting
from malote.posting.bisect import Parts
from malote.posting.locked_rows import HeldError
from malote.spool.documents import LeasedDocument, Reason

ALONE = "erp_fails_over_one"
_AMONG = "among"
_AT = "at"  # seconds since the epoch
# Not where no session comes about: that is nobody's. A lock has its holder, and a way of its own.
_OF_ONE_PERHAPS = frozenset(
    {"erp_slow", "erp_conflict", "erp_full", "erp_privilege", "erp_damaged", "erp_ledger_harmed"}
)
_STEPS = (10, 3, 1)  # documents that are tried together, after more of them met it
_ALONE_SIZE = 0  # stands for: tried by itself, and never with others
_GROWTH = 4  # where those pass, more of the rest are tried together


class Meeting(msgspec.Struct, frozen=True):
    """When an error was met: in a step that ``began`` then, by a poster that last booked anything at ``booked_at``, in
    seconds since the epoch. ``facts`` are the error's."""

    began: float
    booked_at: float
    facts: dict[str, str]


def is_of_one_perhaps(error: ErpError) -> bool:
    return error.code in _OF_ONE_PERHAPS


def reason_of(leased: LeasedDocument, error: ErpError, among: int, meeting: Meeting) -> Reason:
    """Why it waits now, of a document that met the error among so many."""
    before = leased.reason.facts.get(_AT, "") if leased.reason and _is_suspect(leased.reason) else ""
    since = float(before) if before.isdecimal() else meeting.began
    alone = among == 1 and (meeting.booked_at >= since or (leased.reason is not None and leased.reason.code == ALONE))
    return Reason(ALONE if alone else error.code, {**meeting.facts, _AMONG: str(among), _AT: f"{meeting.began:.0f}"})


def met_among(held: Sequence[LeasedDocument]) -> dict[int, int]:
    """By id, of those that met such an error before: among how many."""
    found = {}
    for leased in held:
        reason = leased.reason
        if reason is not None and _is_suspect(reason):
            among = reason.facts.get(_AMONG, "")
            found[leased.id] = int(among) if among.isdecimal() else _STEPS[0] + 1
    return found


def post_apart(post: Callable[[Sequence[Posting]], Parts], batch: Sequence[Posting], among: Mapping[int, int]) -> Parts:
    """``post`` for those nothing is known of, then for the others in small parts, until some meet an error that keeps
    them waiting, which costs time; what is not tried then is in no part."""
    unknown = [posting for posting in batch if posting.document_id not in among]
    # Those alone with it come last: they are the surest to meet it again.
    known = sorted((one for one in batch if one.document_id in among), key=lambda one: -among[one.document_id])
    alike = groupby(known, lambda one: _size(among[one.document_id]))
    groups = [(len(unknown), unknown), *((size, list(some)) for size, some in alike)]
    for size, group in groups:
        rest, together = group, size or 1
        while rest:
            part, rest = rest[:together], rest[together:]
            for some, result in post(part):
                yield some, result
                if isinstance(result, ErpError) and result.transient and not isinstance(result, HeldError):
                    return
            together *= _GROWTH if size else 1


def _size(among: int) -> int:
    return next((step for step in _STEPS if step < among), _ALONE_SIZE)


def _is_suspect(reason: Reason) -> bool:
    return reason.code in _OF_ONE_PERHAPS or reason.code == ALONE
