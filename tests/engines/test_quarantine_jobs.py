"""Orders for many documents at once: a frozen list, carried out by the server, whatever happens in the middle."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from malote.accounts.audit import Actor
from malote.database.engine import reading
from malote.database.errors import StoreError
from malote.database.job_tables import job_item
from malote.database.tables import pouch
from malote.quarantine import deleting, job_store, replaying
from malote.quarantine.job_reports import AT_ONCE, Job
from malote.quarantine.jobs import BATCH, Jobs
from malote.quarantine.quarantine_reports import QuarantineError, Selection
from malote.quarantine.synchronising import Synchronisation
from malote.register import contents
from malote.tills.till import create_till, disable
from tests import ready_stores
from tests.engines.quarantine_support import MARIA, House
from tests.unit.fiscal.notes import build_note

MANY = BATCH * 2 + 30  # three batches


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    url = ready_stores.postgresql_url() if request.param == "postgresql" else ""
    opened = House(tmp_path, url)
    yield opened
    opened.close()


def jobs_of(house: House) -> Jobs:
    return Jobs(replace(house.services.quarantine.parts, clock=house.clock), house.synchronisation)


def rejects(house: House, first: int, count: int) -> list[bytes]:
    """Files that the till holds, each of a sale of one cent whose sums are wrong."""
    notes = [build_note(number=number, total=1) for number in range(first, first + count)]
    for start in range(0, count, 200):
        house.take(*notes[start : start + 200])
    house.scan()
    house.hold(*notes)
    return notes


def begun(jobs: Jobs, kind: Any, selection: Selection | None = None) -> Job:
    return jobs.start(jobs.freeze(kind, selection or Selection(till="caixa1"), MARIA).id, MARIA)


def counted(house: House) -> dict[str, int]:
    found: dict[str, int] = {}
    for state in house.states().values():
        found[state] = found.get(state, 0) + 1
    return found


# ---- the frozen list ----


def test_what_falls_in_after_the_click_is_not_acted_upon(house: House) -> None:
    rejects(house, 1, 5)
    jobs = jobs_of(house)
    draft = jobs.freeze("delete", Selection(till="caixa1"), MARIA)
    assert (draft.state, draft.total, draft.total_cents) == ("draft", 5, 5)
    late = rejects(house, 6, 3)
    done = jobs.work(jobs.start(draft.id, MARIA).id)
    assert (done.state, done.total, done.done, done.done_cents, done.refused) == ("done", 5, 5, 5, 0)
    assert counted(house) == {"discarded": 5, "rejected": 3}
    assert all(house.state_of(content) == "rejected" for content in late)


def test_all_that_the_filter_matches_is_what_is_listed_and_no_more(house: House) -> None:
    rejects(house, 1, 12)
    house.reject(b"<broken")
    jobs = jobs_of(house)

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


def test_what_was_rejected_after_the_page_was_shown_is_left_out(house: House) -> None:
    rejects(house, 1, 4)
    shown_at = time.time()
    time.sleep(0.002)
    rejects(house, 5, 4)
    jobs = jobs_of(house)
    assert jobs.gauge("delete", Selection(till="caixa1", until=shown_at)).count == 4
    assert jobs.freeze("replay", Selection(till="caixa1", until=shown_at), MARIA).total == 4


def test_ticked_ones_that_moved_on_or_never_were_are_listed_as_refused(house: House) -> None:
    rejects(house, 1, 3)
    jobs = jobs_of(house)
    house.quarantine.delete(Selection(ids=(1,)), MARIA)
    done = jobs.work(begun(jobs, "delete", Selection(ids=(1, 2, 3, 999), till="caixa1")).id)
    assert (done.total, done.done, done.refused) == (4, 2, 2)
    assert jobs.refused(done.id).reasons == {"document_moved_on": 1, "document_unknown": 1}


def test_only_who_saw_the_list_confirms_it_and_only_once(house: House) -> None:
    rejects(house, 1, 2)
    jobs = jobs_of(house)
    draft = jobs.freeze("delete", Selection(till="caixa1"), MARIA)
    with pytest.raises(QuarantineError, match="job_of_another"):
        jobs.start(draft.id, Actor("jose"))
    jobs.start(draft.id, MARIA)
    with pytest.raises(QuarantineError, match="job_not_draft"):
        jobs.start(draft.id, MARIA)
    with pytest.raises(QuarantineError, match="job_unknown"):
        jobs.start(10_000, MARIA)


def test_a_draft_that_nobody_confirms_does_nothing_and_goes(house: House) -> None:
    rejects(house, 1, 2)
    jobs = jobs_of(house)
    draft = jobs.freeze("delete", Selection(till="caixa1"), MARIA)
    assert not jobs.step()
    assert jobs.recent() == []
    house.clock.ahead += 3601
    assert jobs.forget() == 1
    with pytest.raises(QuarantineError, match="job_unknown"):
        jobs.find(draft.id)


# ---- carrying it out ----


def test_many_are_deleted_and_come_back_whole(house: House) -> None:
    notes = rejects(house, 1, MANY)
    jobs = jobs_of(house)
    done = jobs.work(begun(jobs, "delete").id)
    assert (done.state, done.done, done.done_cents, done.left) == ("done", MANY, MANY, 0)
    assert (house.in_folder(), house.in_trash()) == ([], sorted(notes))
    undone = jobs.work(jobs.undo(done.id, MARIA).id)
    assert (undone.kind, undone.undoes, undone.done, undone.refused) == ("restore", done.id, MANY, 0)
    assert (house.in_folder(), house.in_trash()) == (sorted(notes), [])
    assert counted(house) == {"rejected": MANY}
    assert [entry.action for entry in house.audited("job_started")] == ["job_started"] * 2
    house.scan()
    assert counted(house) == {"rejected": MANY}


def test_what_is_replayed_and_still_wrong_is_listed_with_its_reason(house: House) -> None:
    rejects(house, 1, 7)
    jobs = jobs_of(house)
    done = jobs.work(begun(jobs, "replay").id)
    assert (done.done, done.refused, done.refused_cents) == (0, 7, 7)
    page = jobs.refused(done.id, limit=5)
    assert page.reasons == {"items_sum": 7}
    assert [one.code for one in page.refused] == ["items_sum"] * 5
    assert page.refused[0].facts
    assert page.after is not None
    assert len(jobs.refused(done.id, after=page.after).refused) == 2


def test_what_may_be_the_last_copy_stays_unless_a_reason_was_typed(house: House) -> None:
    notes = rejects(house, 1, 4)
    house.lose(*notes[:2])
    jobs = jobs_of(house)
    first = jobs.work(begun(jobs, "delete").id)
    assert (first.done, first.refused, jobs.refused(first.id).reasons) == (2, 2, {"last_copy": 2})
    draft = jobs.freeze("delete", Selection(till="caixa1"), MARIA)
    with pytest.raises(QuarantineError, match="reason_needed"):
        jobs.start(draft.id, MARIA, last_copy_reason=" ")
    second = jobs.work(jobs.start(draft.id, MARIA, last_copy_reason="caixa queimado").id)
    assert (second.done, second.refused) == (2, 0)
    assert len(house.audited("last_copy_deleted")) == 2


def test_a_document_that_breaks_the_program_stops_no_other(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    rejects(house, 1, 9)
    jobs = jobs_of(house)
    real = deleting.delete_listed

    def breaking(parts: Any, ids: Any, *args: Any, **more: Any) -> None:
        if 4 in ids:
            raise RuntimeError("a fault")
        real(parts, ids, *args, **more)

    monkeypatch.setattr(deleting, "delete_listed", breaking)
    done = jobs.work(begun(jobs, "delete").id)
    assert (done.state, done.done, done.refused) == ("done", 8, 1)
    (refused,) = jobs.refused(done.id).refused
    assert (refused.id, refused.code) == (4, "server_failed")
    assert refused.facts["detail"].startswith("RuntimeError ")


def test_a_store_that_is_away_only_delays(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    rejects(house, 1, 3)
    jobs = jobs_of(house)
    real = replaying.replay_listed
    failed: list[bool] = []

    def away_once(*args: Any) -> None:
        if not failed:
            failed.append(True)
            raise StoreError("store_away", detail="test")
        real(*args)

    monkeypatch.setattr(replaying, "replay_listed", away_once)
    monkeypatch.setattr("malote.quarantine.jobs.WAIT_SECONDS", 0.0)
    job = begun(jobs, "replay")
    assert not jobs.step()
    assert jobs.find(job.id).waits == "store_away"
    done = jobs.work(job.id)
    assert (done.refused, done.waits) == (3, "")


def test_a_person_stops_it_and_the_rest_stays_as_it_was(house: House) -> None:
    rejects(house, 1, MANY)
    jobs = jobs_of(house)
    job = begun(jobs, "delete")
    assert jobs.step()
    assert jobs.stop(job.id, MARIA).state == "stopping"
    stopped = jobs.work(job.id)
    assert (stopped.state, stopped.stopped_by, stopped.done, stopped.left) == ("stopped", "maria", BATCH, MANY - BATCH)
    assert counted(house) == {"discarded": BATCH, "rejected": MANY - BATCH}
    undone = jobs.work(jobs.undo(job.id, MARIA).id)
    assert undone.done == BATCH
    assert jobs.stop(job.id, MARIA).state == "stopped"


def test_jobs_take_turns(house: House) -> None:
    """A long one does not hold up a short one that was ordered later."""
    rejects(house, 1, MANY)
    other = create_till(house.engine, "caixa2")[0]
    house.take(*(build_note(number=number, series=2, total=1) for number in range(1, 4)), till=other)
    jobs = jobs_of(house)
    long = begun(jobs, "replay")
    jobs.step()
    short = begun(jobs, "replay", Selection(till="caixa2"))
    for _ in range(3):
        jobs.step()
    assert jobs.find(short.id).state == "done"
    assert jobs.find(long.id).state == "running"


def test_two_that_work_on_one_job_settle_each_item_once(house: House) -> None:
    rejects(house, 1, 20)
    first, second = jobs_of(house), jobs_of(house)
    job = begun(first, "delete")
    with reading(house.engine) as connection:
        batch = job_store.batch(connection, job.id, BATCH)
    first._act(job, batch)
    second._act(job, batch)  # its lease had run out, and it had read the same list
    done = first.work(job.id)
    assert (done.done, done.done_cents, done.refused) == (20, 20, 0)
    assert len(house.audited("rejected_deleted")) == 1


def test_a_job_is_taken_up_by_another_process_when_its_own_is_gone(house: House) -> None:
    rejects(house, 1, MANY)
    dead, heir = jobs_of(house), jobs_of(house)
    job = begun(dead, "delete")
    dead.step()
    assert not heir.step()
    house.clock.ahead += job_store.LEASE_SECONDS + 1
    assert heir.step()
    assert heir.find(job.id).done == BATCH * 2


_DYING = """
import os, sys, signal
from pathlib import Path
from tests.engines.quarantine_support import House
from malote.database import engine
from malote.quarantine import groups, job_store
from malote.quarantine.jobs import Jobs
home, url, job, moment = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
house = House(Path(home), url)
die = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
jobs = Jobs(house.services.quarantine.parts, house.synchronisation)
jobs.step(job)
if moment == "before the commit":
    real = job_store.settle
    job_store.settle = lambda *given: (real(*given), die())
elif moment == "before the files":
    groups.settle = die
else:
    groups.discarding.mark_moved = die
jobs.step(job)
raise SystemExit("it lived")
"""


@pytest.mark.parametrize("moment", ["before the commit", "before the files", "between files and commit"])
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_kill_in_the_middle_loses_nothing_and_doubles_nothing(house: House, moment: str) -> None:
    notes = rejects(house, 1, MANY)
    jobs = jobs_of(house)
    job = begun(jobs, "delete")
    command = [sys.executable, "-c", _DYING, house.settings.home, house.settings.database.url, str(job.id), moment]
    died = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert died.returncode == -9, died.stderr
    house.clock.ahead += job_store.LEASE_SECONDS + 1
    house.hold(*notes)
    done = jobs.work(job.id)
    house.scan()
    assert (done.state, done.done, done.done_cents, done.refused) == ("done", MANY, MANY, 0)
    assert counted(house) == {"discarded": MANY}
    assert (house.in_folder(), house.in_trash()) == ([], sorted(notes))
    listed = [document for entry in house.audited("rejected_deleted") for document in entry.after["documents"]]
    assert sorted(map(int, listed)) == sorted(house.states())


def test_many_tills_are_synchronised_each_once(house: House) -> None:
    for number in range(2, 12):
        create_till(house.engine, f"caixa{number}")
    jobs = jobs_of(house)
    draft = jobs.freeze_tills(None, MARIA)
    disable(house.engine, "caixa3")
    create_till(house.engine, "caixa99")
    done = jobs.work(jobs.start(draft.id, MARIA).id)
    assert (done.kind, done.total, done.done, done.refused) == ("synchronise", 11, 10, 1)
    assert jobs.refused(done.id).reasons == {"till_disabled": 1}
    assert house.synchronisation.latest("caixa2") is not None
    assert house.synchronisation.latest("caixa99") is None
    assert len(house.audited("till_synchronised")) == 10


# ---- what it costs ----


def test_the_disk_is_waited_for_once_for_many(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five hundred took 75 seconds: eight syncs and a transaction for each document."""
    rejects(house, 1, BATCH)
    jobs = jobs_of(house)
    job = begun(jobs, "delete")
    real = os.fsync
    synced: list[int] = []

    def counting(descriptor: int) -> None:
        synced.append(descriptor)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", counting)
    jobs.work(job.id)
    assert counted(house) == {"discarded": BATCH}
    assert len(synced) <= BATCH / 10


def test_a_pouch_is_opened_once_for_all_of_its_documents(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    rejects(house, 1, AT_ONCE)
    jobs = jobs_of(house)
    real = contents.files_of
    opened: list[int] = []

    def counting(body: bytes) -> list[bytes]:
        opened.append(len(body))
        return real(body)

    monkeypatch.setattr(contents, "files_of", counting)
    jobs.work(begun(jobs, "replay").id)
    assert len(opened) <= house.scalar(select(func.count()).select_from(pouch))


def test_what_is_decided_is_counted_as_the_items_say(house: House) -> None:
    notes = rejects(house, 1, 30)
    house.lose(*notes[:10])
    jobs = jobs_of(house)
    done = jobs.work(begun(jobs, "delete").id)
    query = select(job_item.c.state, func.count(), func.sum(job_item.c.cents)).group_by(job_item.c.state)
    with reading(house.engine) as connection:
        rows = {row[0]: (int(row[1]), int(row[2])) for row in connection.execute(query)}
    assert rows == {"done": (done.done, done.done_cents), "refused": (done.refused, done.refused_cents)}
    assert (done.done, done.refused) == (20, 10)


def test_the_synchronisation_tells_how_much_it_is(house: House) -> None:
    rejects(house, 1, 6)
    synchronisation = Synchronisation(house.engine, house.quarantine.judge, house.clock)
    assert synchronisation.size(["caixa1"]) == 6
    assert synchronisation.size(None) == 6
