"""Which of a document's problems is said first: the one that explains the others."""

from collections.abc import Iterable

from malote.fiscal.problems import Problem

# What makes the rest meaningless comes first. A code that isn't here counts as one about the content.
_FIRST: tuple[str, ...] = ()
_POLICY = ("test_environment", "issuer_unknown", "series_of_another_till", "series_unassigned")

_RANKS = {code: rank for rank, code in enumerate((*_FIRST, *_POLICY))}


def most_telling(problems: Iterable[Problem]) -> Problem | None:
    """The most fundamental problem that rejects, the earliest found of equal ones; None when nothing rejects."""
    rejecting = [problem for problem in problems if problem.severity == "reject"]
    return min(rejecting, key=lambda problem: _RANKS.get(problem.code, len(_RANKS)), default=None)
