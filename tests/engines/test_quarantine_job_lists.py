"""Orders for many documents at once: the list is frozen when it is shown, and only who saw it confirms it."""

import time
from typing import Any

import pytest

from malote.accounts.audit import Actor
from malote.quarantine.quarantine_reports import QuarantineError, Selection
from tests.engines.quarantine_jobs_support import begun, counted, jobs_of, rejects
from tests.engines.quarantine_support import MARIA, House

pytest_plugins = ["tests.engines.quarantine_jobs_fixtures"]


def test_what_falls_in_after_the_click_is_not_acted_upon(jobs_house: House) -> None:
    rejects(jobs_house, 1, 5)
    jobs = jobs_of(jobs_house)
    draft = jobs.freeze("delete", Selection(till="caixa1"), MARIA)
    assert (draft.state, draft.total, draft.total_cents) == ("draft", 5, 5)
    late = rejects(jobs_house, 6, 3)
    done = jobs.work(jobs.start(draft.id, MARIA).id)
    assert (done.state, done.total, done.done, done.done_cents, done.refused) == ("done", 5, 5, 5, 0)
    assert counted(jobs_house) == {"discarded": 5, "rejected": 3}
    assert all(jobs_house.state_of(content) == "rejected" for content in late)


def test_all_that_the_filter_matches_is_what_is_listed_and_no_more(jobs_house: House) -> None:
    rejects(jobs_house, 1, 12)
    jobs_house.reject(b"<broken")
    jobs = jobs_of(jobs_house)

    def size(**chosen: Any) -> tuple[int, int]:
        gauge = jobs.gauge("delete", Selection(till="caixa1", **chosen))
        listed = jobs.freeze("delete", Selection(till="caixa1", **chosen), MARIA)
        assert (listed.total, listed.total_cents) == (gauge.count, gauge.cents)
        return gauge.count, gauge.cents

    assert size() == (13, 12)
    assert size(code="items_sum") == (12, 12)
    assert size(search="7") == (2, 2)  # its number, or 7.xml
    assert size(code="items_sum", search="1.xml") == (2, 2)  # 1.xml and 11.xml
    assert size(code="nothing_of_the_kind") == (0, 0)


def test_what_was_rejected_after_the_page_was_shown_is_left_out(jobs_house: House) -> None:
    rejects(jobs_house, 1, 4)
    shown_at = time.time()
    time.sleep(0.002)
    rejects(jobs_house, 5, 4)
    jobs = jobs_of(jobs_house)
    assert jobs.gauge("delete", Selection(till="caixa1", until=shown_at)).count == 4
    assert jobs.freeze("replay", Selection(till="caixa1", until=shown_at), MARIA).total == 4


def test_ticked_ones_that_moved_on_or_never_were_are_listed_as_refused(jobs_house: House) -> None:
    rejects(jobs_house, 1, 3)
    jobs = jobs_of(jobs_house)
    jobs_house.quarantine.delete(Selection(ids=(1,)), MARIA)
    done = jobs.work(begun(jobs, "delete", Selection(ids=(1, 2, 3, 999), till="caixa1")).id)
    assert (done.total, done.done, done.refused) == (4, 2, 2)
    assert jobs.refused(done.id).reasons == {"document_moved_on": 1, "document_unknown": 1}


def test_only_who_saw_the_list_confirms_it_and_only_once(jobs_house: House) -> None:
    rejects(jobs_house, 1, 2)
    jobs = jobs_of(jobs_house)
    draft = jobs.freeze("delete", Selection(till="caixa1"), MARIA)
    with pytest.raises(QuarantineError, match="job_of_another"):
        jobs.start(draft.id, Actor("jose"))
    jobs.start(draft.id, MARIA)
    with pytest.raises(QuarantineError, match="job_not_draft"):
        jobs.start(draft.id, MARIA)
    with pytest.raises(QuarantineError, match="job_unknown"):
        jobs.start(10_000, MARIA)


def test_a_draft_that_nobody_confirms_does_nothing_and_goes(jobs_house: House) -> None:
    rejects(jobs_house, 1, 2)
    jobs = jobs_of(jobs_house)
    draft = jobs.freeze("delete", Selection(till="caixa1"), MARIA)
    assert not jobs.step()
    assert jobs.recent() == []
    jobs_house.clock.ahead += 3601
    assert jobs.forget() == 1
    with pytest.raises(QuarantineError, match="job_unknown"):
        jobs.find(draft.id)
