"""A job that was interrupted is taken up at once, and leaves alone what people decided meanwhile."""

import shutil
import threading
from collections.abc import Callable

import pytest

from malote.quarantine.quarantine_reports import Selection
from malote.register import till_documents
from tests.engines.quarantine_jobs_support import begun, counted, jobs_of, rejects
from tests.engines.quarantine_support import MARIA, House

pytest_plugins = ("tests.engines.quarantine_fixtures",)


def by_click(house: House, one: int) -> None:
    house.quarantine.restore(Selection((one,)), MARIA)


def by_hand(house: House, one: int) -> None:
    sha256 = till_documents.document(house.spool.engine, one).file_sha256[:32]
    for path in house.trash.glob(f"*{sha256}-*"):
        shutil.copy(path, house.folder / path.name)
    house.scan()


@pytest.mark.parametrize("restore", [by_click, by_hand])
def test_what_was_restored_meanwhile_is_not_deleted_again(
    house: House,
    restore: Callable[[House, int], None],
) -> None:
    rejects(house, 1, 5)
    jobs = jobs_of(house)
    job = begun(jobs, "delete")  # and the server stops, before it did anything
    house.quarantine.delete(Selection((2, 3)), MARIA)
    restore(house, 2)
    assert house.states()[2] == "rejected"
    done = jobs_of(house).work(job.id)
    assert house.states() == {1: "discarded", 2: "rejected", 3: "discarded", 4: "discarded", 5: "discarded"}
    assert (done.done, done.refused, jobs.refused(job.id).reasons) == (3, 2, {"document_moved_on": 2})


def test_a_later_list_takes_it_all_the_same(house: House) -> None:
    rejects(house, 1, 3)
    jobs = jobs_of(house)
    undone = jobs.work(jobs.undo(jobs.work(begun(jobs, "delete").id).id, MARIA).id)
    assert undone.done == 3
    assert jobs.work(begun(jobs, "delete").id).done == 3


def test_a_server_that_stops_gives_its_job_back_at_once(house: House) -> None:
    rejects(house, 1, 3)
    stop = threading.Event()
    first = jobs_of(house)
    job = begun(first, "replay")
    step = first.step

    def stopped(job_id: int | None = None) -> bool:
        stop.set()
        return step(job_id)

    first.step = stopped  # type: ignore[method-assign]
    first.run(stop)
    assert not first.find(job.id).over
    assert jobs_of(house).step(), "without waiting for its lease to run out"
    assert counted(house) == {"rejected": 3}
