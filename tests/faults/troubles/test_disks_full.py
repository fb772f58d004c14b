"""The till's disk, and the server's, filled to the last byte under the processes that work on them."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults.troubles import TIMES, soak
from tests.faults.troubles.disks import SmallDisk, small_disk
from tests.faults.troubles.light import Light, Told
from tests.faults.troubles.stage import Stage, now, told_of

pytestmark = soak


@pytest.fixture
def till_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "store" / "till", 6) as disk:
        yield disk


@pytest.fixture
def server_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "store" / "server", 90) as disk:
        yield disk


def test_the_till(tmp_path: Path, till_disk: SmallDisk) -> None:
    """The POS's folder lies on another disk, and goes on growing."""
    stage, told = Stage(tmp_path / "store"), Told("till's disk full")
    with stage.working(), Light(stage.home) as light:
        for _ in range(TIMES):
            stage.sell_more(2)
            light.proven(stage.count)
            till_disk.fill()
            harmed = now()
            # The outbox may have room left within its own files: it is full when something lies uncaptured.
            while not (uncaptured := _left_out(stage)):
                stage.sell_more(60)
            first = light.until(lambda look: "till_disk_full" in look.codes, "told at the server")
            assert "caixa" in first.finding("till_disk_full")["title"].lower(), "whose disk"
            assert stage.till_status()["exit"] in (4, 5)
            light.until(lambda look: not look.green and _uncaptured(look.till) > 0, "and how many")
            print(f"{uncaptured} files or more not captured meanwhile", flush=True)
            cured = now()
            till_disk.empty()
            light.proven(stage.count)
            told_of(light, told, harmed, first, cured)
        stage.booked_right()
        stage.reconciled()
    told.close()


def _left_out(stage: Stage) -> int:
    """How many files lie in the folder uncaptured, once the agent had time for them."""
    time.sleep(3)
    return int(stage.till_status()["folder"]["uncaptured"])


def _uncaptured(till: dict[str, object]) -> int:
    for finding in till["findings"]:  # type: ignore[attr-defined]
        if finding["code"] in ("till_disk_full", "files_uncaptured"):
            return int(finding["count"])
    return 0


def test_the_server(tmp_path: Path, server_disk: SmallDisk) -> None:
    """Nothing is acknowledged meanwhile; everything lies at the till and goes up afterwards by itself."""
    stage, told = Stage(tmp_path / "store"), Told("server's disk full")
    with stage.working(), Light(stage.home) as light:
        for _ in range(TIMES):
            stage.sell_more(2)
            light.proven(stage.count)
            server_disk.fill()
            harmed = now()
            stage.sell_more(5)
            first = light.until(lambda look: not look.green, "told")
            # The store may have room left within its own files: it is full when something stays at the till.
            while not _kept_at_the_till(stage):
                stage.sell_more(5)
            reply = httpx.get(f"http://127.0.0.1:{stage.port()}/health", timeout=60)
            assert (reply.status_code, "disk_full" in reply.json()["codes"]) == (503, True)
            cured = now()
            server_disk.empty()
            light.proven(stage.count)
            told_of(light, told, harmed, first, cured)
        stage.booked_right()
        stage.reconciled()
    told.close()


def _kept_at_the_till(stage: Stage) -> int:
    """How many files wait there, once the agent had time for them and knows why."""
    time.sleep(2)
    status = stage.till_status()
    return int(status["pending"]) if status["server"]["code"] == "disk_full" else 0
