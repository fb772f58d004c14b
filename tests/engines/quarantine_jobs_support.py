"""Orders for many documents at once, in a house that rejects."""

from dataclasses import replace
from typing import Any

from malote.quarantine.job_reports import Job
from malote.quarantine.jobs import Jobs
from malote.quarantine.quarantine_reports import Selection
from tests.engines.quarantine_support import MARIA, House
from tests.unit.fiscal.notes import build_note


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
