"""The till's disk, and the server's, filled to the last byte under the processes that work on them."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults.troubles import soak
from tests.faults.troubles.disks import SmallDisk, small_disk
from tests.faults.troubles.light import Light
from tests.faults.troubles.series import Series
from tests.faults.troubles.stage import Stage

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
    stage, series = Stage(tmp_path / "store"), Series()
    with stage.working(), Light(stage.home) as light, Light(stage.till, words="till status") as at_till:
        for turn in series.turns():
            stage.sell_more(2)
            light.proven(stage.count)
            with series.playing(turn, light) as played:
                till_disk.fill()
                played.harm()
                # The outbox may have room left within its own files: it is full when something lies uncaptured.
                while not (uncaptured := _left_out(stage)):
                    stage.sell_more(60)
                first = played.tell(light.until(lambda look: "till_disk_full" in look.codes, "told at the server"))
                assert "caixa" in first.finding("till_disk_full")["title"].lower(), "whose disk"
                played.tell_too(at_till)
                assert stage.till_status()["exit"] in (4, 5)
                light.until(lambda look: not look.green and _uncaptured(look.till) > 0, "and how many")
                played.note = f"{uncaptured} files or more not captured meanwhile"
                light.go_on(5)
                played.cure()
                till_disk.empty()
                ends(stage, light)


def ends(stage: Stage, light: Light) -> None:
    """All that lay at the till is in the ERP."""
    light.proven(stage.count)
    stage.booked_right()
    stage.reconciled()


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
    stage, series = Stage(tmp_path / "store"), Series()
    with stage.working(), Light(stage.home) as light:
        for turn in series.turns():
            stage.sell_more(2)
            light.proven(stage.count)
            with series.playing(turn, light) as played:
                server_disk.fill()
                played.harm()
                stage.sell_more(5)
                played.tell(light.not_green())
                # The store may have room left within its own files: it is full when something stays at the till.
                while not _kept_at_the_till(stage):
                    stage.sell_more(5)
                reply = httpx.get(f"http://127.0.0.1:{stage.port()}/health", timeout=60)
                assert (reply.status_code, "disk_full" in reply.json()["codes"]) == (503, True)
                light.go_on(5)
                played.cure()
                server_disk.empty()
                ends(stage, light)


def _kept_at_the_till(stage: Stage) -> int:
    """How many files wait there, once the agent had time for them and knows why."""
    time.sleep(2)
    status = stage.till_status()
    return int(status["pending"]) if status["server"]["code"] == "disk_full" else 0
