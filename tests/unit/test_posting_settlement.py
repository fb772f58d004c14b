"""From what the ERP answered to what becomes of the document."""

import msgspec
import pytest

from malote.config import PostingSettings, StoreSettings
from malote.erp.protocol import ErpError, Outcome, Result
from malote.fiscal import reader
from malote.fiscal.access_key import compose
from malote.fiscal.documents import NumberVoid
from malote.posting.settlement import Decider
from malote.spool.documents import LeasedDocument
from tests.unit.fiscal.notes import ISSUER, build_cancellation

NOW = 1_000_000.0
HOUR = 3600.0
DECIDER = Decider(PostingSettings(retry_longest_seconds=60), StoreSettings(authorisation_hours=24, sale_hours=48))


def leased(*, accepted_at: float = NOW, attempts: int = 0) -> LeasedDocument:
    void = NumberVoid("1", "65", 1, 2026, 1, 1, 1, "", None)
    return LeasedDocument(7, "caixa1", "lease", void, accepted_at, attempts)


@pytest.mark.parametrize(
    ("result", "state", "code", "duplicate"),
    [
        (Result.POSTED, "posted", None, False),
        (Result.DUPLICATE, "posted", None, True),
        (Result.PROTOCOL_ADDED, "posted", None, True),
        (Result.DIVERGENT, "rejected", "divergent_content", False),
        (Result.SALE_MISSING, "waiting", "sale_not_here", False),
        (Result.NOT_AUTHORISED, "waiting", "not_authorised_yet", False),
    ],
)
def test_every_result_has_its_state(result: Result, state: str, code: str | None, duplicate: bool) -> None:
    settled = DECIDER.of_outcome(leased(), Outcome(7, result, {"fields": "change"}), NOW)
    assert (settled.document_id, settled.lease, settled.state, settled.duplicate) == (7, "lease", state, duplicate)
    assert (settled.reason.code if settled.reason else None) == code
    assert (settled.retry_at is not None) == (state == "waiting")


def test_the_table_above_is_complete() -> None:
    for result in Result:
        DECIDER.of_outcome(leased(), Outcome(7, result), NOW)


def test_divergence_names_the_fields() -> None:
    settled = DECIDER.of_outcome(leased(), Outcome(7, Result.DIVERGENT, {"fields": "change"}), NOW)
    assert settled.reason is not None
    assert settled.reason.facts == {"fields": "change"}


@pytest.mark.parametrize(
    ("result", "hours", "code"),
    [(Result.NOT_AUTHORISED, 24, "never_authorised"), (Result.SALE_MISSING, 48, "sale_never_came")],
)
def test_what_waits_for_another_document_is_rejected_in_time(result: Result, hours: int, code: str) -> None:
    outcome = Outcome(7, result)
    late = DECIDER.of_outcome(leased(accepted_at=NOW - hours * HOUR), outcome, NOW)
    assert late.state == "rejected"
    assert late.reason is not None
    assert (late.reason.code, late.reason.facts) == (code, {"hours": str(hours)})
    nearly = DECIDER.of_outcome(leased(accepted_at=NOW - hours * HOUR + 10, attempts=30), outcome, NOW)
    assert (nearly.state, nearly.retry_at) == ("waiting", NOW + 10)


@pytest.mark.parametrize(
    ("month", "hours", "state", "code"),
    [
        ("2610", 0, "kept", "cancels_before_start"),
        ("2611", 0, "waiting", "sale_not_here"),
        ("2611", 48, "kept", "cancels_before_start"),
        ("2612", 48, "rejected", "sale_never_came"),
    ],
)
def test_a_cancelled_note_from_before_the_start_asks_nobody(month: str, hours: int, state: str, code: str) -> None:
    decider = Decider(PostingSettings(), StoreSettings(since="2026-11-27T00:00:00-03:00", sale_hours=48))
    key = compose(state="35", year_month=month, issuer=ISSUER, model="65", series=1, number=1, emission=1, code="1")
    said = reader.read(build_cancellation(key))[0].document
    assert said is not None
    one = msgspec.structs.replace(leased(accepted_at=NOW - hours * HOUR), document=said)
    settled = decider.of_outcome(one, Outcome(7, Result.SALE_MISSING), NOW)
    assert settled.reason is not None
    assert (settled.state, settled.reason.code) == (state, code)


@pytest.mark.parametrize(("lost", "state"), [(0.0, "rejected"), (5.0, "rejected"), (30.0, "waiting")])
def test_no_patience_is_measured_in_hours_that_nobody_could_use(lost: float, state: str) -> None:
    """The ERP was away for 30 hours: what should have come meanwhile may be the next in the queue."""
    asked: list[tuple[float, float]] = []

    def hours(since: float, until: float) -> float:
        asked.append((since, until))
        return lost * HOUR

    decider = Decider(PostingSettings(), StoreSettings(authorisation_hours=24), hours)
    late = decider.of_outcome(leased(accepted_at=NOW - 31 * HOUR), Outcome(7, Result.NOT_AUTHORISED), NOW)
    assert late.state == state
    assert asked == [(NOW - 31 * HOUR, NOW)]


def test_a_transient_error_waits_and_a_permanent_one_is_rejected() -> None:
    away = DECIDER.of_error(leased(), ErpError("erp_away", detail="no route"), NOW)
    assert away.state == "waiting"
    assert away.retry_at is not None
    assert NOW < away.retry_at <= NOW + 5
    refused = DECIDER.of_error(leased(), ErpError("erp_constraint", detail="sale, chk"), NOW)
    assert refused.state == "rejected"
    assert refused.reason is not None
    assert (refused.reason.code, refused.reason.facts) == ("erp_constraint", {"detail": "sale, chk"})
