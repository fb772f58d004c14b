"""A POS with one file name for all its sales, and a server whose clock goes three hours ahead and back."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from tests.faults.troubles import TIMES, soak
from tests.faults.troubles.clocks import OwnClock
from tests.faults.troubles.light import Light, Told
from tests.faults.troubles.stage import Stage, now, told_of

pytestmark = soak

THREE_HOURS = 3 * 3600


def test_one_name_for_all_sales(tmp_path: Path) -> None:
    """Each written over the one before, sometimes soon: all are booked, or the light says that a file vanished
    before it was captured."""
    stage, told = Stage(tmp_path), Told("one file name reused")
    name = stage.pos / "nfce.xml"
    with stage.working(), Light(stage.home) as light:
        stage.sell_more(1)
        light.proven(1)
        for turn in range(TIMES):
            harmed = now()
            for _ in range(5):
                stage.count += 1
                part = stage.pos / "nfce.part"
                part.write_bytes(stage.note(stage.count))
                part.replace(name)
                time.sleep((2.0, 1.0, 0.5)[turn % 3])
            first = light.until(lambda look: not look.green, "told")
            stage.until(lambda: len(stage.sold()) + _vanished(stage) >= stage.count)
            cured = now()
            assert "name_reused" in light.looks[-1].codes
            print(f"booked {len(stage.sold())} of {stage.count}, vanished: {_vanished(stage)}", flush=True)
            told_of(light, told, harmed, first, cured)
    told.close()


def _vanished(stage: Stage) -> int:
    return sum(one["count"] for one in stage.till_status()["ails"] if one["code"] == "file_vanished")


def test_the_server_three_hours_ahead_and_back_while_the_erp_is_locked(tmp_path: Path) -> None:
    """Once it is back and the lock is gone, nothing waits for hours. In every second round the server is started anew
    in between. The till's own clock is right."""
    stage, told, clock = Stage(tmp_path), Told("server's clock +3 h and back, ERP locked"), OwnClock(tmp_path)
    with stage.process("till run", stage.till), Light(stage.home, clock.environment) as light, ExitStack() as server:
        server.enter_context(stage.process("serve", stage.home, clock.environment))
        for turn in range(TIMES):
            stage.sell_more(2)
            light.proven(stage.count)
            with locked(stage.home / "erp.sqlite3"):
                harmed = now()
                clock.put(THREE_HOURS)
                stage.sell_more(3)
                first = light.until(lambda look: look.till["waiting"] == 3, "they wait")
                time.sleep(10)  # a few more tries, each of which sets a time
                if turn % 2:
                    server.close()
                clock.put(0)
                if turn % 2:
                    server.enter_context(stage.process("serve", stage.home, clock.environment))
                time.sleep(3)
                cured = now()
            began = time.monotonic()
            light.proven(stage.count)
            print(f"flowed {time.monotonic() - began:.1f} s after the lock was gone", flush=True)
            told_of(light, told, harmed, first, cured)
        stage.booked_right()
        stage.reconciled()
    told.close()


@contextmanager
def locked(erp: Path) -> Iterator[None]:
    with closing(sqlite3.connect(erp, timeout=60, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
