"""What comes in and what doesn't: the reading's own problems, and the store's rules."""

from collections.abc import Collection, Mapping
from datetime import datetime

import msgspec
import pytest

from malote.config import StoreSettings
from malote.fiscal.cfops import Overrides
from malote.fiscal.documents import Document, Sale
from malote.fiscal.problems import Problem, reject, warning
from malote.fiscal.reading_result import Reading, Summary, unreadable
from malote.intake.admission import Rules, admit
from malote.spool.documents import IncomingDocument
from malote.tills.series import SeriesKey
from tests.engines.spool_support import ISSUER, access_key, cancellation, sale


class Series:
    """Answers for series, and remembers what it was asked."""

    def __init__(self, *refused: SeriesKey) -> None:
        self.refused = refused
        self.asked: list[SeriesKey] = []

    def __call__(self, wanted: Collection[SeriesKey]) -> Mapping[SeriesKey, Problem | None]:
        self.asked += wanted
        return {
            key: reject("series_of_another_till", owner="caixa2") if key in self.refused else None for key in wanted
        }


def admitted(
    reading: Reading,
    store: StoreSettings | None = None,
    series: Series | None = None,
    operations: Overrides | None = None,
) -> IncomingDocument:
    ((one,),) = admit([[reading]], Rules(store or StoreSettings(), operations or {}), series or Series())
    return one


def read(document: Document, *problems: Problem) -> Reading:
    return Reading(document, "sale", list(problems))


def test_a_sound_sale_comes_in_with_what_identifies_it() -> None:
    series = Series()
    one = admitted(read(sale(7), warning("anything")), series=series)
    assert one.state == "accepted"
    assert one.reason is None
    assert one.document == sale(7)
    assert (one.kind, one.access_key, one.model, one.issuer) == ("sale", access_key(7), "65", ISSUER)
    assert (one.series, one.number, one.total) == (1, 7, 1000)
    assert series.asked == [(ISSUER, "65", 1)]


def test_a_note_without_protocol_comes_in_too() -> None:
    assert admitted(read(sale(1, authorised=False))).state == "accepted"


def test_what_the_reader_refuses_is_rejected_with_every_problem_and_can_not_be_booked() -> None:
    problems = [reject("first", found=1), reject("second"), warning("third")]
    series = Series()
    one = admitted(read(sale(1), *problems), series=series)
    assert one.state == "rejected"
    assert one.document is None
    assert one.access_key == access_key(1)
    assert one.reason is not None
    assert (one.reason.code, one.reason.facts, one.reason.problems) == ("first", {"found": "1"}, problems)
    assert series.asked == []


def test_what_could_not_be_read_is_rejected_with_what_is_known_of_it() -> None:
    one = admitted(unreadable([reject("xml_malformed")], Summary(kind="sale", number=12)))
    assert (one.state, one.kind, one.number, one.document) == ("rejected", "sale", 12, None)


def test_a_hostile_documents_fields_are_cut_to_what_a_database_holds() -> None:
    partial = Summary(access_key="9" * 5000, issuer="x" * 5000, series=10**30, number=-(10**30), total=10**30)
    one = admitted(unreadable([reject("xml_malformed")], partial))
    assert one.access_key is not None
    assert len(one.access_key) < 100
    assert one.issuer is not None
    assert len(one.issuer) < 100
    assert (one.series, one.number, one.total) == (None, None, None)


def test_a_note_of_the_test_environment_is_a_sale_only_in_a_test_store() -> None:
    test_note = msgspec.structs.replace(sale(1), environment=2)
    refused = admitted(read(test_note))
    assert refused.reason is not None
    assert refused.reason.code == "test_environment"
    assert admitted(read(test_note), StoreSettings(test_environment=True)).state == "accepted"


def test_an_issuer_who_is_not_listed_is_refused_and_its_series_not_even_asked_for() -> None:
    series = Series()
    one = admitted(read(sale(1)), StoreSettings(issuers=["11222333000181"]), series)
    assert one.reason is not None
    assert (one.reason.code, one.reason.facts) == ("issuer_unknown", {"issuer": ISSUER})
    assert series.asked == []
    assert admitted(read(sale(1)), StoreSettings(issuers=[ISSUER])).state == "accepted"


def test_a_series_of_another_till_is_refused_and_the_document_kept_for_a_replay() -> None:
    one = admitted(read(sale(1)), series=Series((ISSUER, "65", 1)))
    assert one.reason is not None
    assert (one.reason.code, one.reason.facts) == ("series_of_another_till", {"owner": "caixa2"})
    assert one.document == sale(1)


def test_a_cancellation_is_judged_by_the_series_in_its_key() -> None:
    series = Series((ISSUER, "65", 1))
    one = admitted(Reading(cancellation(3), "cancellation"), series=series)
    assert series.asked == [(ISSUER, "65", 1)]
    assert one.reason is not None
    assert one.reason.code == "series_of_another_till"


def test_policy_comes_before_the_content_when_one_problem_is_named() -> None:
    test_note = msgspec.structs.replace(sale(1), environment=2)
    one = admitted(read(test_note, reject("totals_disagree")))
    assert one.reason is not None
    assert one.reason.code == "test_environment"
    assert [problem.code for problem in one.reason.problems] == ["totals_disagree", "test_environment"]


def test_one_bad_document_never_holds_back_the_others_of_its_file_or_pouch() -> None:
    files = [
        [read(sale(1)), read(sale(2), reject("bad")), read(sale(3))],
        [unreadable([reject("worse")])],
        [read(sale(4))],
    ]
    found = admit(files, Rules(StoreSettings()), Series())
    assert [[one.state for one in documents] for documents in found] == [
        ["accepted", "rejected", "accepted"],
        ["rejected"],
        ["accepted"],
    ]
    assert [[one.position for one in documents] for documents in found] == [[0, 1, 2], [0], [0]]


def test_a_note_that_is_no_sale_is_kept_whole_and_claims_no_series() -> None:
    transfer = with_cfop(sale(1), "5152")
    series = Series()
    one = admitted(read(transfer, reject("items_sum"), warning("gtin_check_digit")), series=series)
    assert one.state == "kept"
    assert one.reason is not None
    assert one.reason.code == "operation_transfer"
    assert [problem.severity for problem in one.reason.problems] == ["warning", "warning", "keep"]
    assert one.document == transfer
    assert series.asked == []


def test_what_the_reader_refuses_for_more_than_its_sums_is_rejected_though_it_is_no_sale() -> None:
    one = admitted(read(with_cfop(sale(1), "5152"), reject("key_disagrees")))
    assert one.state == "rejected"


def test_the_stores_settings_say_what_a_code_does() -> None:
    one = admitted(read(with_cfop(sale(1), "5949")), operations={"5949": "sale"})
    assert one.state == "accepted"
    other = admitted(read(sale(1)), operations={"5102": "loan"})
    assert other.reason is not None
    assert (other.state, other.reason.code) == ("kept", "operation_loan")


def with_cfop(of: Sale, cfop: str) -> Sale:
    return msgspec.structs.replace(of, items=tuple(msgspec.structs.replace(item, cfop=cfop) for item in of.items))


@pytest.mark.parametrize(
    ("since", "state"), [("2026-03-01T10:00:01-03:00", "kept"), ("2026-03-01T10:00:00-03:00", "accepted")]
)
def test_what_was_issued_before_the_start_is_kept(since: str, state: str) -> None:
    issued = datetime.fromisoformat("2026-03-01T10:00:00-03:00")
    reading = Reading(msgspec.structs.replace(sale(1), issued_at=issued), "sale", [])
    series = Series()
    one = admitted(reading, StoreSettings(since=since, issuers=[ISSUER]), series)
    assert one.state == state
    assert (one.reason.code if one.reason else None) == ("before_the_start" if state == "kept" else None)
    assert bool(series.asked) == (state == "accepted")
