"""Whether a document that was read may come in: what its reading found, and what this store allows.

A note that isn't authorised yet comes in; the poster makes it wait.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

import msgspec

from malote import rejection
from malote.config import StoreSettings
from malote.fiscal import cfops
from malote.fiscal.cfops import Overrides
from malote.fiscal.documents import TEST_ENVIRONMENT, Answer, Document, Sale
from malote.fiscal.problems import Problem, keep, reject, warning
from malote.fiscal.reader import Reading, Summary, summary
from malote.fiscal.sefaz_answers import CURED_BY_AUTHORISATION
from malote.intake.ranking import most_telling
from malote.spool.documents import IncomingDocument, Reason
from malote.spool.series_holds import ASKED, AWAITED
from malote.spool.states import State
from malote.tills.series import SeriesKey

# Says of each series why the till may not use it, or None.
JudgeSeries = Callable[[Collection[SeriesKey]], Mapping[SeriesKey, Problem | None]]

AcceptsIssuer = Callable[[str], bool]

_LONGEST_TEXT = 60  # characters kept of a field that identifies; none is longer in a sound document
_LARGEST_NUMBER = 2**63 - 1  # that the store database holds


def _nobody(issuer: str) -> bool:
    del issuer
    return False


class Rules(msgspec.Struct, frozen=True):
    """What this store allows, and what operation codes do in it where it isn't as the table says."""

    store: StoreSettings
    operations: Overrides = {}
    accepts_issuer: AcceptsIssuer = _nobody  # beside those of the settings


class _Judged(msgspec.Struct):
    document: Document | None
    summary: Summary
    problems: list[Problem]  # all of them, warnings too
    series: SeriesKey | None  # still to be judged

    @property
    def rejected(self) -> bool:
        return any(problem.severity == "reject" for problem in self.problems)

    @property
    def kept(self) -> bool:
        return any(problem.severity == "keep" for problem in self.problems)


# Of each document of a file, by its position, the codes that a person has accepted.
Accepted = Mapping[int, Collection[str]]


def admit(
    files: Sequence[Sequence[Reading]],
    rules: Rules,
    judge_series: JudgeSeries,
    accepted: Accepted = MappingProxyType({}),
    *,
    hold: bool = False,
) -> list[list[IncomingDocument]]:
    """The documents of each file, accepted or rejected with every reason; at least one for each file.

    What is whole and no sale is kept. What a person may accept and has ``accepted`` of the documents of
    each file counts as a warning.

    With ``hold``, a document of which only the series is in question waits: for a person, or for the till that owns it.
    Only documents that are fine otherwise ask for their series, so that a wrong one can't make a till own it.
    Raises what ``judge_series`` raises.
    """
    judged = [
        [_judge(reading, rules, accepted.get(position, ())) for position, reading in enumerate(readings)]
        for readings in files
    ]
    wanted = sorted({one.series for documents in judged for one in documents if one.series is not None})
    verdicts = judge_series(wanted) if wanted else {}
    admitted = [[_incoming(position, one, verdicts) for position, one in enumerate(documents)] for documents in judged]
    waits = _waits(rules.store) if hold else {}
    return [[_held(one, waits) for one in documents] for documents in admitted]


def _waits(store: StoreSettings) -> dict[str, str]:
    """By what is wrong with a series, the reason to wait instead. Where nothing is learned, nobody is to be asked."""
    return {"series_of_another_till": AWAITED} | ({"series_unassigned": ASKED} if store.learn_series else {})


def _held(one: IncomingDocument, waits: Mapping[str, str]) -> IncomingDocument:
    if one.reason is None or one.reason.code not in waits:
        return one
    return msgspec.structs.replace(one, state="waiting", reason=Reason(waits[one.reason.code], one.reason.facts))


def _judge(reading: Reading, rules: Rules, accepted: Collection[str]) -> _Judged:
    seen = summary(reading)
    document = reading.document
    operation = cfops.judge(document, rules.operations) if isinstance(document, Sale) else []
    if isinstance(document, Sale) and any(problem.code == cfops.PART for problem in operation):
        document = cfops.sale_part(document, rules.operations)
    operation += before_the_start(seen, rules.store)
    operation = [_as_warning(problem, accepted) for problem in operation]
    found = [_as_warning(problem, accepted) for problem in reading.problems] + operation
    if any(problem.severity == "keep" for problem in operation):
        # Nothing of it is booked: what its sums come to, and which version was authorised, is nobody's concern.
        moot = rejection.with_action("accept_difference")
        found = [warning(one.code, **one.facts) if one.code in moot else one for one in found]
    # What the reader itself refuses must never be booked, not even when somebody replays it.
    # What only lacks its authorisation is kept readable, for the answer that may still come in a file of its own.
    refused = any(problem.severity == "reject" and problem.code not in CURED_BY_AUTHORISATION for problem in found)
    judged = _Judged(None if refused else document, seen, found, None)
    if reading.document is None:
        return judged
    if not judged.kept:
        # Of what is never booked it doesn't matter whose it is, nor from which environment.
        judged.problems += against_policy(seen, rules.store, rules.accepts_issuer)
    claims = not judged.rejected and not judged.kept and not isinstance(document, Answer)
    if claims and seen.issuer and seen.model and seen.series is not None:
        judged.series = (seen.issuer, seen.model, seen.series)
    return judged


def _as_warning(problem: Problem, accepted: Collection[str]) -> Problem:
    """The same, of severity "warning" where a person has accepted it."""
    sale = cfops.IS_SALE in accepted and problem.code in cfops.ARGUABLE
    taken = sale or (problem.code in accepted and problem.code in rejection.with_action("accept_difference"))
    return warning(problem.code, **problem.facts) if taken else problem


def before_the_start(seen: Summary, store: StoreSettings) -> list[Problem]:
    """What an old system booked, before Malote took its place, must not be booked again."""
    if not store.since or not seen.issued_at:
        return []
    since = datetime.fromisoformat(store.since)
    if datetime.fromisoformat(seen.issued_at) >= since:
        return []
    return [keep("before_the_start", since=store.since[:16].replace("T", " "))]


def against_policy(seen: Summary, store: StoreSettings, accepts_issuer: AcceptsIssuer = _nobody) -> list[Problem]:
    """Of an environment or an issuer that this store doesn't book."""
    problems = []
    if seen.environment == TEST_ENVIRONMENT and not store.test_environment:
        problems.append(reject("test_environment"))
    if store.issuers and seen.issuer not in store.issuers and not accepts_issuer(_text(seen.issuer) or ""):
        problems.append(reject("issuer_unknown", issuer=_text(seen.issuer) or "?"))
    return problems


def _incoming(position: int, judged: _Judged, verdicts: Mapping[SeriesKey, Problem | None]) -> IncomingDocument:
    verdict = verdicts.get(judged.series) if judged.series is not None else None
    problems = [*judged.problems, verdict] if verdict else judged.problems
    primary = most_telling(problems)
    state: State = "accepted"
    if primary is not None:
        state = "kept" if primary.severity == "keep" else "rejected"
    seen = judged.summary
    return IncomingDocument(
        position=position,
        document=judged.document,
        state=state,
        reason=Reason(primary.code, primary.facts, problems) if primary else None,
        kind=seen.kind,
        access_key=_text(seen.access_key),
        model=_text(seen.model),
        issuer=_text(seen.issuer),
        series=_number(seen.series),
        number=_number(seen.number),
        last_number=_number(seen.last_number),
        issued_at=_text(seen.issued_at),
        total=_number(seen.total),
        authorised=seen.authorised,
    )


def _text(value: str | None) -> str | None:
    return value[:_LONGEST_TEXT] if value else None


def _number(value: int | None) -> int | None:
    return value if value is not None and abs(value) <= _LARGEST_NUMBER else None
