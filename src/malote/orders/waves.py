"""Which till gets a structure, or a load, when: a canary first, then a few, then the rest. Pure."""

import math
from collections.abc import Sequence

import msgspec

from malote.orders.rollout_reports import TillState

WAVES = 3


class TillInWave(msgspec.Struct, frozen=True):
    """How it stands with one till. ``reachable``: it was heard of lately, and its agent knows of such orders."""

    wave: int
    state: TillState
    reachable: bool


def waves(tills: Sequence[int], canaries: int, second_percent: float) -> dict[int, int]:
    """The wave of each till, from 1, in the order given: put those first that are there and can answer."""
    first = min(max(canaries, 1), len(tills))
    second = math.ceil(len(tills) * second_percent / 100)
    return {till: 1 if place < first else 2 if place < first + second else WAVES for place, till in enumerate(tills)}


def open_wave(standings: Sequence[TillInWave], wave: int, success_percent: float = 100.0) -> int:
    """The wave that may be open now, given the one that is.

    The next one opens once so many of those who can answer, in it or before it, have succeeded: one at least.
    """
    while wave < WAVES:
        before = [one for one in standings if one.wave <= wave]
        done = sum(one.state == "done" for one in before)
        counted = sum(one.state in ("done", "failed") or (_is_under_way(one) and one.reachable) for one in before)
        if before and (not done or done * 100 < success_percent * counted):
            break
        wave += 1
    return wave


def fails_much(standings: Sequence[TillInWave], wave: int, error_percent: float) -> bool:
    """Whether more of the tills of the open wave have failed than may."""
    its = [one for one in standings if one.wave == wave]
    return sum(one.state == "failed" for one in its) * 100 > error_percent * len(its)


def is_over(standings: Sequence[TillInWave]) -> bool:
    return not any(_is_under_way(one) for one in standings)


def _is_under_way(one: TillInWave) -> bool:
    return one.state in ("pending", "offered")
