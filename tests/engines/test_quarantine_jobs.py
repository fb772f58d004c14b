"""Orders for many documents at once, carried out by the server, whatever happens in the middle."""

import os
import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import func, select

from malote.accounts import audit
from malote.database.engine import reading
from malote.database.errors import StoreError
from malote.database.job_tables import job_item
from malote.database.tables import pouch
from malote.quarantine import deleting, job_store, replaying
from malote.quarantine.job_reports import AT_ONCE
from malote.quarantine.jobs import BATCH
from malote.quarantine.quarantine_reports import QuarantineError, Selection
from malote.quarantine.synchronising import Synchronisation
from malote.register import contents
from malote.tills.till import create_till, disable
from tests.engines.quarantine_jobs_support import begun, counted, jobs_of, rejects
from tests.engines.quarantine_support import MARIA, House
from tests.unit.fiscal.notes import build_note

pytest_plugins = ["tests.engines.quarantine_jobs_fixtures"]

MANY = BATCH * 2 + 30  # three batches


# ---- carrying it out ----


def test_many_are_deleted_and_come_back_whole(jobs_house: House) -> None:
    notes = rejects(jobs_house, 1, MANY)
    jobs = jobs_of(jobs_house)
    done = jobs.work(begun(jobs, "delete").id)
    assert (done.state, done.done, done.done_cents, done.left) == ("done", MANY, MANY, 0)
    assert (jobs_house.in_folder(), jobs_house.in_trash()) == ([], sorted(notes))
    undone = jobs.work(jobs.undo(done.id, MARIA).id)
    assert (undone.kind, undone.undoes, undone.done, undone.refused) == ("restore", done.id, MANY, 0)
    assert (jobs_house.in_folder(), jobs_house.in_trash()) == (sorted(notes), [])
    assert counted(jobs_house) == {"rejected": MANY}
    assert [entry.action for entry in jobs_house.audited("job_started")] == ["job_started"] * 2
    jobs_house.scan()
    assert counted(jobs_house) == {"rejected": MANY}


def test_what_is_replayed_and_still_wrong_is_listed_with_its_reason(jobs_house: House) -> None:
    rejects(jobs_house, 1, 7)
    jobs = jobs_of(jobs_house)
    done = jobs.work(begun(jobs, "replay").id)
    assert (done.done, done.refused, done.refused_cents) == (0, 7, 7)
    page = jobs.refused(done.id, limit=5)
    assert page.reasons == {"items_sum": 7}
    assert [one.code for one in page.refused] == ["items_sum"] * 5
    assert page.refused[0].facts
    assert page.after is not None
    assert len(jobs.refused(done.id, after=page.after).refused) == 2


def test_what_may_be_the_last_copy_stays_unless_a_reason_was_typed(jobs_house: House) -> None:
    notes = rejects(jobs_house, 1, 4)
    jobs_house.lose(*notes[:2])
    jobs = jobs_of(jobs_house)
    first = jobs.work(begun(jobs, "delete").id)
    assert (first.done, first.refused, jobs.refused(first.id).reasons) == (2, 2, {"last_copy": 2})
    draft = jobs.freeze("delete", Selection(till="caixa1"), MARIA)
    with pytest.raises(QuarantineError, match="reason_needed"):
        jobs.start(draft.id, MARIA, last_copy_reason=" ")
    second = jobs.work(jobs.start(draft.id, MARIA, last_copy_reason="caixa queimado").id)
    assert (second.done, second.refused) == (2, 0)
    assert len(jobs_house.audited("last_copy_deleted")) == 2


def test_a_document_that_breaks_the_program_stops_no_other(jobs_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    rejects(jobs_house, 1, 9)
    jobs = jobs_of(jobs_house)
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


def test_a_store_that_is_away_only_delays(jobs_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    rejects(jobs_house, 1, 3)
    jobs = jobs_of(jobs_house)
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


def test_a_person_stops_it_and_the_rest_stays_as_it_was(jobs_house: House) -> None:
    rejects(jobs_house, 1, MANY)
    jobs = jobs_of(jobs_house)
    job = begun(jobs, "delete")
    assert jobs.step()
    assert jobs.stop(job.id, MARIA).state == "stopping"
    stopped = jobs.work(job.id)
    assert (stopped.state, stopped.stopped_by, stopped.done, stopped.left) == ("stopped", "maria", BATCH, MANY - BATCH)
    assert counted(jobs_house) == {"discarded": BATCH, "rejected": MANY - BATCH}
    assert {"job_stopped", "job_ended"} < {one.action for one in audit.entries(jobs_house.engine)}
    undone = jobs.work(jobs.undo(job.id, MARIA).id)
    assert undone.done == BATCH
    assert jobs.stop(job.id, MARIA).state == "stopped"


def test_jobs_take_turns(jobs_house: House) -> None:
    """A long one does not hold up a short one that was ordered later."""
    rejects(jobs_house, 1, MANY)
    other = create_till(jobs_house.engine, "caixa2")[0]
    jobs_house.take(*(build_note(number=number, series=2, total=1) for number in range(1, 4)), till=other)
    jobs = jobs_of(jobs_house)
    long = begun(jobs, "replay")
    jobs.step()
    short = begun(jobs, "replay", Selection(till="caixa2"))
    for _ in range(3):
        jobs.step()
    assert jobs.find(short.id).state == "done"
    assert jobs.find(long.id).state == "running"


def test_two_that_work_on_one_job_settle_each_item_once(jobs_house: House) -> None:
    rejects(jobs_house, 1, 20)
    first, second = jobs_of(jobs_house), jobs_of(jobs_house)
    job = begun(first, "delete")
    with reading(jobs_house.engine) as connection:
        batch = job_store.batch(connection, job.id, BATCH)
    first._act(job, batch)
    second._act(job, batch)  # its lease had run out, and it had read the same list
    done = first.work(job.id)
    assert (done.done, done.done_cents, done.refused) == (20, 20, 0)
    assert len(jobs_house.audited("rejected_deleted")) == 1


def test_a_job_is_taken_up_by_another_process_when_its_own_is_gone(jobs_house: House) -> None:
    rejects(jobs_house, 1, MANY)
    dead, heir = jobs_of(jobs_house), jobs_of(jobs_house)
    job = begun(dead, "delete")
    dead.step()
    assert not heir.step()
    jobs_house.clock.ahead += job_store.LEASE_SECONDS + 1
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
def test_a_kill_in_the_middle_loses_nothing_and_doubles_nothing(jobs_house: House, moment: str) -> None:
    notes = rejects(jobs_house, 1, MANY)
    jobs = jobs_of(jobs_house)
    job = begun(jobs, "delete")
    command = [
        sys.executable,
        "-c",
        _DYING,
        jobs_house.settings.home,
        jobs_house.settings.database.url,
        str(job.id),
        moment,
    ]
    died = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert died.returncode == -9, died.stderr
    jobs_house.clock.ahead += job_store.LEASE_SECONDS + 1
    jobs_house.hold(*notes)
    done = jobs.work(job.id)
    jobs_house.scan()
    assert (done.state, done.done, done.done_cents, done.refused) == ("done", MANY, MANY, 0)
    assert counted(jobs_house) == {"discarded": MANY}
    assert (jobs_house.in_folder(), jobs_house.in_trash()) == ([], sorted(notes))
    listed = [document for entry in jobs_house.audited("rejected_deleted") for document in entry.after["documents"]]
    assert sorted(map(int, listed)) == sorted(jobs_house.states())


def test_many_tills_are_synchronised_each_once(jobs_house: House) -> None:
    for number in range(2, 12):
        create_till(jobs_house.engine, f"caixa{number}")
    jobs = jobs_of(jobs_house)
    draft = jobs.freeze_tills(None, MARIA)
    disable(jobs_house.engine, "caixa3")
    create_till(jobs_house.engine, "caixa99")
    done = jobs.work(jobs.start(draft.id, MARIA).id)
    assert (done.kind, done.total, done.done, done.refused) == ("synchronise", 11, 10, 1)
    assert jobs.refused(done.id).reasons == {"till_disabled": 1}
    assert jobs_house.synchronisation.latest("caixa2") is not None
    assert jobs_house.synchronisation.latest("caixa99") is None
    assert len(jobs_house.audited("till_synchronised")) == 10


# ---- what it costs ----


def test_the_disk_is_waited_for_once_for_many(jobs_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five hundred took 75 seconds: eight syncs and a transaction for each document."""
    rejects(jobs_house, 1, BATCH)
    jobs = jobs_of(jobs_house)
    job = begun(jobs, "delete")
    real = os.fsync
    synced: list[int] = []

    def counting(descriptor: int) -> None:
        synced.append(descriptor)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", counting)
    jobs.work(job.id)
    assert counted(jobs_house) == {"discarded": BATCH}
    assert len(synced) <= BATCH / 10


def test_a_pouch_is_opened_once_for_all_of_its_documents(jobs_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    rejects(jobs_house, 1, AT_ONCE)
    jobs = jobs_of(jobs_house)
    real = contents.files_of
    opened: list[int] = []

    def counting(body: bytes) -> list[bytes]:
        opened.append(len(body))
        return real(body)

    monkeypatch.setattr(contents, "files_of", counting)
    jobs.work(begun(jobs, "replay").id)
    assert len(opened) <= jobs_house.scalar(select(func.count()).select_from(pouch))


def test_what_is_decided_is_counted_as_the_items_say(jobs_house: House) -> None:
    notes = rejects(jobs_house, 1, 30)
    jobs_house.lose(*notes[:10])
    jobs = jobs_of(jobs_house)
    done = jobs.work(begun(jobs, "delete").id)
    query = select(job_item.c.state, func.count(), func.sum(job_item.c.cents)).group_by(job_item.c.state)
    with reading(jobs_house.engine) as connection:
        rows = {row[0]: (int(row[1]), int(row[2])) for row in connection.execute(query)}
    assert rows == {"done": (done.done, done.done_cents), "refused": (done.refused, done.refused_cents)}
    assert (done.done, done.refused) == (20, 10)


def test_the_synchronisation_tells_how_much_it_is(jobs_house: House) -> None:
    rejects(jobs_house, 1, 6)
    synchronisation = Synchronisation(jobs_house.engine, jobs_house.quarantine.judge, jobs_house.clock)
    assert synchronisation.size(["caixa1"]) == 6
    assert synchronisation.size(None) == 6
