"""Which answer of an ERP's own procedure is whose.

What contradicts itself, or answers for a document that wasn't handed over, is no answer: the procedure is in trouble,
no document is at fault, and nothing is booked.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from malote.erp.call_statements import Answer
from malote.erp.protocol import ErpError
from malote.erp.server_words import presentable

BROKEN = "erp_call_broken"  # the statement itself doesn't work: all documents wait
_IDENTITY = "identity"
_MOST_NAMED = 3  # answers, of each


def one_for_each(answers: Sequence[Answer], identities: Sequence[str]) -> dict[str, Answer]:
    """By identity; empty where nothing was answered. Raises ``ErpError``."""
    if not answers:
        return {}
    found: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        found[_identity(answer)].append(answer)
    _refuse_contradictions(found, identities)
    if lacking := [one for one in identities if one not in found]:
        raise ErpError(BROKEN, detail=f"{lacking[0]}: no answer ({len(lacking)}/{len(identities)})")
    return {name: given[0] for name, given in found.items()}


def only_one(answers: Sequence[Answer], names: Sequence[str]) -> Answer:
    """Of a call for one document, which may be called by any of ``names``: the first row. Where rows say how it ended,
    or whose they are, there may be one alone. Raises ``ErpError``."""
    own = names[0]
    if not {"answer", _IDENTITY}.isdisjoint(answers[0]):
        found: dict[str, list[Answer]] = defaultdict(list)
        for answer in answers:
            name = _identity(answer)
            found[own if not name or name in names else name].append(answer)
        _refuse_contradictions(found, [own])
    return answers[0]


def _refuse_contradictions(found: Mapping[str, Sequence[Answer]], identities: Sequence[str]) -> None:
    given = set(identities)
    for name, answers in found.items():
        if name and name in given and len(answers) == 1:
            continue
        said = f"({_said(answers)})"
        if not name:
            words = f"{len(answers)} answers without identity {said}"
        elif name in given:
            words = f"{name}: {len(answers)} answers {said}"
        else:
            words = f"{presentable(name)}: not handed over {said}"
        raise ErpError(BROKEN, detail=words)


def _said(answers: Sequence[Answer]) -> str:
    told = [presentable(str(one.get("answer") or "booked"))[:20] for one in answers[:_MOST_NAMED]]
    return ", ".join([*told, "\u2026"] if len(answers) > _MOST_NAMED else told)


def _identity(answer: Answer) -> str:
    return str(answer.get(_IDENTITY) or "").strip()
