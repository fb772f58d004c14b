"""Which of a document's problems is said first: the one that explains the others."""

import math
from collections.abc import Iterable

from malote import rejection
from malote.fiscal.problems import Problem


def most_telling(problems: Iterable[Problem]) -> Problem | None:
    """The most fundamental problem that rejects, the earliest found of equal ones; where none does, the one for which
    it is kept and not booked, if there is one."""
    found = list(problems)
    rejecting = [problem for problem in found if problem.severity == "reject"]
    if not rejecting:
        return next((problem for problem in found if problem.severity == "keep"), None)
    return min(rejecting, key=_rank)


def _rank(problem: Problem) -> float:
    rank = rejection.entry(problem.code).rank
    return math.inf if rank is None else rank
