"""A trouble of the ERP's that a single document may bring about holds back only those it was met among.

Neither a timeout nor a deadlock says whose it is: the ERP's bad hour, or one sale that a trigger can't cope with. What
met one is tried apart from all others from then on, among ten, among three, alone; how many it last met it among
stands in its reason, so that another poster, or this one after a restart, goes on from there. Once it is alone with it
while others are booked, it is tried rarely, and a person told.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from malote.erp.protocol import ErpError, Posting
from malote.posting.bisect import Parts
from malote.posting.locked_rows import HeldError
from malote.spool.documents import LeasedDocument, Reason

ALONE = "erp_fails_over_one"
_AMONG = "among"
# Not where no session comes about: that is nobody's. A lock has its holder, and a way of its own.
_OF_ONE_PERHAPS = frozenset({"erp_slow", "erp_conflict", "erp_full", "erp_privilege", "erp_damaged"})
_STEPS = (10, 3, 1)  # documents that are tried together, after more of them met it
_ALONE_SIZE = 0  # stands for: tried by itself, and never with others
_GROWTH = 4  # where those pass, more of the rest are tried together


def is_of_one_perhaps(error: ErpError) -> bool:
    return error.code in _OF_ONE_PERHAPS


def reason_of(leased: LeasedDocument, code: str, facts: Mapping[str, str], among: int, *, others_pass: bool) -> Reason:
    """Why it waits, of a document that met the error among so many. ``others_pass``: some were booked meanwhile."""
    alone = among == 1 and (others_pass or _is_alone(leased))
    return Reason(ALONE if alone else code, {**facts, _AMONG: str(among)})


def met_among(held: Sequence[LeasedDocument]) -> dict[int, int]:
    """By id, of those that met such an error before: among how many."""
    found = {}
    for leased in held:
        reason = leased.reason
        if reason is not None and (reason.code in _OF_ONE_PERHAPS or reason.code == ALONE):
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


def _is_alone(leased: LeasedDocument) -> bool:
    return leased.reason is not None and leased.reason.code == ALONE
