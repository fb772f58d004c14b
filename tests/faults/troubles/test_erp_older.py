"""The ERP is an older one than the server knows: yesterday's backup, or a standby that lacks the last ten seconds."""

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from malote.demo import postgres
from tests.engines.posting_support import OwnServer, own_server
from tests.faults.troubles import TIMES, soak
from tests.faults.troubles.light import Light, Look, Told
from tests.faults.troubles.stage import Stage, now, told_of

pytestmark = soak


def lost(stage: Stage, numbers: range) -> Callable[[Look], bool]:
    """Whether just these are told, with their value."""

    def holds(look: Look) -> bool:
        finding = look.finding("outside_erp")
        value = sum(stage.cents(number) for number in numbers)
        return (finding.get("count"), finding.get("value")) == (len(numbers), value)

    return holds


def rebooked(stage: Stage, light: Light, numbers: range) -> float:
    """Orders just these to be booked again, and waits. When the order was given."""
    named = stage.run("books", "rebook", "--dry-run").stdout
    assert f"{len(numbers)} to book again" in named, named
    ordered = now()
    ended = stage.run("books", "rebook", "--yes", "--reason", "older copy")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    light.proven(stage.count)
    stage.booked_right()
    return ordered


def test_restored_to_yesterday(tmp_path: Path) -> None:
    """While the server was stopped; in every third round without a word of when, under the stopped agent as well."""
    stage, told, erp = Stage(tmp_path), Told("ERP restored to yesterday"), tmp_path / "server" / "erp.sqlite3"
    with Light(stage.home) as light:
        for turn in range(TIMES):
            with stage.working():
                stage.sell_more(2)
                light.proven(stage.count)
                with closing(sqlite3.connect(erp)) as source, closing(sqlite3.connect(tmp_path / "copy")) as copy:
                    source.backup(copy)
                newer = stage.sell_more(2 + turn % 3)
                light.proven(stage.count)
            for left in stage.home.glob("erp.sqlite3*"):
                left.unlink()
            shutil.copy(tmp_path / "copy", erp)
            harmed = now()
            with stage.working():
                first = light.until(lost(stage, newer), "the newer ones told")
                # What is sold meanwhile waits at the server, and goes on once the others are ordered.
                later = stage.sell_more(1)
                light.until(lambda look: look.till["waiting"] == 1, f"{later} waits")
                ordered = rebooked(stage, light, newer)
                # From the start of the server on, and not only from the moment that it was told.
                told.note(first.at - harmed, light.never_green(_began(light, harmed), ordered))
            stage.reconciled()
    told.close()


def _began(light: Light, harmed: float) -> float:
    """The first look after the start of the server: of one that stands still, the last word is what it was."""
    return next(look.at for look in light.looks if look.at > harmed and not look.green)


@pytest.fixture
def postgresql() -> Iterator[OwnServer]:
    with own_server() as server:
        yield server


def test_a_standby_without_the_last_ten_seconds(tmp_path: Path, postgresql: OwnServer) -> None:
    """Its files were copied, the primary went on for ten seconds and died: the copy answers at the same address, and
    Malote, its agent and the till work all the time."""
    stage, told = Stage(tmp_path, postgresql.url), Told("failover to a standby that lacks ten seconds")
    with stage.working(), Light(stage.home) as light:
        for _ in range(TIMES):
            stage.sell_more(2)
            light.proven(stage.count)
            with replaced(postgresql):
                began = time.monotonic()
                newer = stage.sell_more(3)
                light.proven(stage.count)
                time.sleep(max(0.0, 10 - (time.monotonic() - began)))
                harmed = now()
            first = light.until(lost(stage, newer), "the newer ones told")
            ordered = rebooked(stage, light, newer)
            told_of(light, told, harmed, first, ordered)
            stage.reconciled()
    told.close()


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
