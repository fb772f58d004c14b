"""A POS with one file name for all its sales, and a server whose clock goes three hours ahead and back."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

from tests.faults.troubles import soak
from tests.faults.troubles.clocks import OwnClock
from tests.faults.troubles.light import Light, Look
from tests.faults.troubles.series import Series
from tests.faults.troubles.stage import Stage

pytestmark = soak

THREE_HOURS = 3 * 3600


PAUSES = (2.0, 0.5, 0.0)  # seconds between two sales, in turn


def test_one_name_for_all_sales(tmp_path: Path) -> None:
    """Each written over the one before, soon or at once: all are booked, or told as missing by their numbers; of one
    that nobody had time to read nobody knows the value. In a store of its own each time: a name used twice is told for
    a day."""
    series = Series()
    for turn in series.turns():
        stage = Stage(tmp_path / str(turn))
        with stage.working(), Light(stage.home) as light, Light(stage.till, words="till status") as at_till:
            _write_over(stage)
            light.proven(1)
            with series.playing(turn, light) as played:
                played.harm()
                for _ in range(5):
                    _write_over(stage)
                    time.sleep(PAUSES[turn % 3])
                played.tell(light.until(lambda look: "name_reused" in look.codes, "told"))
                played.tell_too(at_till)
                stage.until(partial(_all_accounted_for, stage))
                light.go_on(5)
                played.cure()
                booked = {(number, total) for number, total in stage.ask("SELECT number, total FROM sale")}
                assert booked == stage.worth(stage.sold())
                played.note = f"booked {len(booked)} of {stage.count}, missing {sorted(_missing(stage))}"


def _write_over(stage: Stage) -> None:
    """The next sale, under the name that all have."""
    stage.count += 1
    part = stage.pos / "nfce.part"
    part.write_bytes(stage.note(stage.count))
    part.replace(stage.pos / "nfce.xml")


def _all_accounted_for(stage: Stage) -> bool:
    return set(range(1, stage.count + 1)) == set(stage.sold()) | _missing(stage)


def _missing(stage: Stage) -> set[int]:
    """The numbers told as missing."""
    ended = stage.run("numbering", "--json")
    [series] = json.loads(ended.stdout)
    missing = {number for one in series["missing"] for number in range(one["first"], one["last"] + 1)}
    assert ended.returncode == bool(missing)
    return missing


def test_the_server_three_hours_ahead_and_back_while_the_erp_is_locked(tmp_path: Path) -> None:
    """Once it is back and the lock is gone, nothing waits for hours. In every second round the server is started anew
    in between. The till's own clock is right."""
    stage, series, clock = Stage(tmp_path), Series(), OwnClock(tmp_path)
    with stage.process("till run", stage.till), Light(stage.home, clock.environment) as light, ExitStack() as server:
        server.enter_context(stage.process("serve", stage.home, clock.environment))
        for turn in series.turns():
            stage.sell_more(2)
            light.proven(stage.count)
            with series.playing(turn, light) as played:
                with locked(stage.home / "erp.sqlite3"):
                    played.harm()
                    clock.put(THREE_HOURS)
                    later = stage.sell_more(3)
                    played.tell(light.until(waiting(stage, later), "they wait, with their value"))
                    time.sleep(10)  # a few more tries, each of which sets a time
                    if turn % 2:
                        server.close()
                    clock.put(0)
                    if turn % 2:
                        server.enter_context(stage.process("serve", stage.home, clock.environment))
                    time.sleep(3)
                    played.cure()
                began = time.monotonic()
                played.still_wrong(stage.becomes_right())
                light.proven(stage.count)
                played.note = f"flowed {time.monotonic() - began:.1f} s after the lock was gone"
                stage.reconciled()


def waiting(stage: Stage, numbers: range) -> Callable[[Look], bool]:
    """Whether just these are told to wait, with their value."""
    value = sum(map(stage.cents, numbers))

    def holds(look: Look) -> bool:
        told = {(one["count"], one["value"]) for one in look.till.get("findings", [])}
        return look.till.get("waiting") == len(numbers) and (len(numbers), value) in told

    return holds


@contextmanager
def locked(erp: Path) -> Iterator[None]:
    with closing(sqlite3.connect(erp, timeout=60, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
