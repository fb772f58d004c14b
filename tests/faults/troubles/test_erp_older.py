"""The ERP is an older one than the server knows: yesterday's backup, or a standby that lacks the last ten seconds."""

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from malote.demo import postgres
from tests.engines.posting_support import OwnServer, own_server
from tests.faults.troubles import soak
from tests.faults.troubles.light import Light, Look
from tests.faults.troubles.series import Round, Series
from tests.faults.troubles.stage import Stage

pytestmark = soak


def lost(stage: Stage, numbers: range) -> Callable[[Look], bool]:
    """Whether just these are told, with their value."""

    def holds(look: Look) -> bool:
        finding = look.finding("outside_erp")
        value = sum(stage.cents(number) for number in numbers)
        return (finding.get("count"), finding.get("value")) == (len(numbers), value)

    return holds


def rebooked(stage: Stage, light: Light, played: Round, numbers: range) -> None:
    """Orders just these to be booked again, and waits; no look is green before the ERP has them."""
    assert stage.named("books", "rebook", "--dry-run") == stage.worth(numbers)
    played.cure()
    ended = stage.run("books", "rebook", "--yes", "--reason", "older copy")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    played.still_wrong(stage.becomes_right())
    light.proven(stage.count)
    stage.booked_right()
    stage.reconciled()


def test_restored_to_yesterday(tmp_path: Path) -> None:
    """While the server was stopped, and the agent with it; what is sold afterwards waits until a person says more."""
    stage, series = Stage(tmp_path), Series()
    erp, copy = stage.home / "erp.sqlite3", tmp_path / "copy"
    with ExitStack() as lights, ExitStack() as processes:
        processes.enter_context(stage.working())
        light = lights.enter_context(Light(stage.home))
        at_till = lights.enter_context(Light(stage.till, words="till status"))
        for turn in series.turns():
            newer = _copied_and_sold(stage, light, copy, 2 + turn % 3)
            with series.playing(turn, light) as played:
                processes.close()
                for left in stage.home.glob("erp.sqlite3*"):
                    left.unlink()
                shutil.copy(copy, erp)
                harmed = played.harm()
                processes.enter_context(stage.working())
                first = light.until(lost(stage, newer), "the newer ones told")
                # From the start of the server on: of one that stands still, the last word is what it was.
                played.tell(first, since=light.first_not_green(harmed).at)
                played.tell_too(at_till)
                later = stage.sell_more(1)
                light.until(lambda look: look.till.get("waiting") == 1, f"{later} waits")
                rebooked(stage, light, played, newer)


def _copied_and_sold(stage: Stage, light: Light, copy: Path, count: int) -> range:
    """The ERP is copied between two sales and so many more."""
    stage.sell_more(2)
    light.proven(stage.count)
    with closing(sqlite3.connect(stage.home / "erp.sqlite3")) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    newer = stage.sell_more(count)
    light.proven(stage.count)
    return newer


@pytest.fixture
def postgresql() -> Iterator[OwnServer]:
    with own_server() as server:
        yield server


def test_a_standby_without_the_last_ten_seconds(tmp_path: Path, postgresql: OwnServer) -> None:
    """Its files were copied, the primary went on for ten seconds and died: the copy answers at the same address, and
    Malote, its agent and the till work all the time."""
    stage, series = Stage(tmp_path, postgresql.url), Series()
    with stage.working(), Light(stage.home) as light, Light(stage.till, words="till status") as at_till:
        for turn in series.turns():
            stage.sell_more(2)
            light.proven(stage.count)
            with series.playing(turn, light) as played:
                with replaced(postgresql):
                    began = time.monotonic()
                    newer = stage.sell_more(3)
                    light.proven(stage.count)
                    time.sleep(max(0.0, 10 - (time.monotonic() - began)))
                    played.harm()
                played.tell(light.until(lost(stage, newer), "the newer ones told"))
                played.tell_too(at_till)
                rebooked(stage, light, played, newer)


@contextmanager
def replaced(server: OwnServer) -> Iterator[None]:
    """What the block writes is gone afterwards: the server goes on with the files of before."""
    data = postgres_folder(server)
    copy = data.with_name("copy")
    server.stop()
    shutil.copytree(data, copy, copy_function=shutil.copy2)
    _owned(data, copy)
    server.start()
    yield
    server.stop()
    shutil.rmtree(data)
    copy.rename(data)
    server.start()


def postgres_folder(server: OwnServer) -> Path:
    started: postgres.Postgres = server._server
    return started.folder


def _owned(data: Path, copy: Path) -> None:
    """As root, the files are another user's."""
    owner = data.stat()
    for path in [copy, *copy.rglob("*")]:
        shutil.chown(path, owner.st_uid, owner.st_gid)
    copy.chmod(owner.st_mode & 0o7777)
