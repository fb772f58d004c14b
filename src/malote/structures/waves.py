"""Which till gets a structure when: a canary first, then a few, then the rest. Pure."""

import math
from collections.abc import Sequence

import msgspec

from malote.schema.structure_reports import TillState

WAVES = 3


class TillInWave(msgspec.Struct, frozen=True):
    """How it stands with one till. ``reachable``: it was heard of lately, and its agent knows of structures."""

    wave: int
    state: TillState
    reachable: bool


def waves(tills: Sequence[int], canaries: int, second_percent: float) -> dict[int, int]:
    """The wave of each till, from 1, in the order given: put those first that are there and can answer."""
    first = min(max(canaries, 1), len(tills))
    second = math.ceil(len(tills) * second_percent / 100)
    return {till: 1 if place < first else 2 if place < first + second else WAVES for place, till in enumerate(tills)}


def open_wave(standings: Sequence[TillInWave], wave: int) -> int:
    """The wave that may be open now, given the one that is.

    The next one opens once nobody who can answer is under way in it or before it, and somebody has succeeded.
    """
    while wave < WAVES:
        before = [one for one in standings if one.wave <= wave]
        under_way = any(one.state in ("pending", "offered") and one.reachable for one in before)
        proven = any(one.state == "done" for one in before) or not before
        if under_way or not proven:
            break
        wave += 1
    return wave


def is_over(standings: Sequence[TillInWave]) -> bool:
    return not any(one.state in ("pending", "offered") for one in standings)
