"""A till whose clock is wrong or whose disk is full: its own agent works on, so what the screens say of it is so."""

import time
from pathlib import Path
from typing import cast

import pytest

from malote import clock, disk
from malote.demo import ailments
from malote.demo.bench import Bench
from malote.demo.laboratory import Laboratory, Seller
from malote.demo.processes import Crew, Program
from malote.demo.store import Store
from malote.till.outbox import Outbox
from malote.till.storage import OutboxError


class Recorded(Crew):
    """Runs nothing."""

    def __init__(self) -> None:
        self.programs: dict[str, Program] = {}

    def start(self, program: Program) -> None:
        self.programs[program.name] = program

    def halt(self, name: str, *, kill: bool = False) -> None:
        self.programs.pop(name, None)


@pytest.mark.parametrize(("fault", "ailment"), [("clock-wrong", "clock-ahead"), ("disk-full-till", "disk-full")])
def test_the_agent_of_the_ailing_till_goes_on(fault: str, ailment: str, tmp_path: Path) -> None:
    store, crew = Store(tmp_path, "pt"), Recorded()
    laboratory = Laboratory(store, crew, "sqlite://", cast("list[Seller]", [None, None, None]))
    well = store.agent(store.tills[1])
    crew.start(well)
    bench = Bench(tmp_path / "laboratorio")
    bench.ask(fault)
    laboratory.poll()
    ailing = crew.programs["caixa2"]
    assert (ailing.arguments, ailing.environment) == (well.arguments, {ailments.VARIABLE: ailment})
    bench.ask(fault, plant=False)
    laboratory.poll()
    assert crew.programs == {"caixa2": well}


def test_the_clock_is_ahead_by_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "CLOCK", clock.CLOCK)
    ailments.take_on()
    assert type(clock.CLOCK) is clock.Clock
    monkeypatch.setenv(ailments.VARIABLE, "clock-ahead")
    ailments.take_on()
    before = time.time()
    assert clock.CLOCK.now() >= before + ailments.AHEAD_SECONDS


def test_on_a_full_disk_no_outbox_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "DISK", disk.DISK)
    monkeypatch.setenv(ailments.VARIABLE, "disk-full")
    ailments.take_on()
    with pytest.raises(OutboxError) as caught:
        Outbox(tmp_path / "outbox.sqlite3", disk=disk.DISK)
    assert caught.value.code == "till_disk_full"
