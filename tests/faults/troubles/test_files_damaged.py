"""Files that Malote itself keeps, damaged or gone: pages of the store, the whole store, pages of a till's outbox."""

import json
import random
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests.faults.test_store_rebuilt import _give, health
from tests.faults.troubles import soak
from tests.faults.troubles.light import Light, Look
from tests.faults.troubles.series import Round, Series
from tests.faults.troubles.stage import Stage

pytestmark = soak

PAGE = 4096


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def proven(stage: Stage, light: Light) -> None:
    """By the till's own word, since a server that was made anew knows no more than it needs."""

    def holds() -> bool:
        said = stage.till_status()
        return bool(said["posted"] == stage.count and not said["pending"] and not said["accepted"])

    stage.until(holds)
    light.until(lambda look: look.green, "green")


def rebuilt(stage: Stage) -> dict[str, Any]:
    ended = stage.run("store", "rebuild", "--json", "--till", "caixa1")
    assert ended.returncode in (0, 1), ended.stdout + ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    for token in found["tokens"]:
        _give(stage, token["token"])
    return found


def ends(stage: Stage, light: Light, processes: ExitStack) -> None:
    """The server is made anew, and works on into the next round: all that was sold is in the ERP, once."""
    rebuilt(stage)
    processes.enter_context(stage.working())
    proven(stage, light)
    stage.booked_right()
    stage.reconciled()


def test_pages_of_the_store(stage: Stage) -> None:
    """Half of them overwritten under the server: nothing more is acknowledged, and it is made anew in one step."""
    series, store = Series(), stage.home / "store.sqlite3"
    with Light(stage.home) as light, ExitStack() as processes:
        processes.enter_context(stage.working())
        for turn in series.turns():
            stage.sell_more(10)
            proven(stage, light)
            with series.playing(turn, light) as played:
                played.harm()
                damage(store, range(8, store.stat().st_size // PAGE, 2))
                stage.sell_more(3)
                played.tell(light.not_green())
                stage.until(lambda: health(stage).get("codes") == ["store_damaged"])
                assert stage.run("store", "rebuild").returncode == 3, "the server works on it still"
                light.go_on(5)
                processes.close()
                played.cure()
                ends(stage, light, processes)


def test_the_whole_store(stage: Stage) -> None:
    """Gone without a backup, in every second round under the server that works on it. Sales go on."""
    series = Series()
    with Light(stage.home) as light, ExitStack() as processes:
        processes.enter_context(stage.working())
        for turn in series.turns():
            stage.sell_more(4)
            proven(stage, light)
            if not turn % 2:
                processes.close()
            with series.playing(turn, light) as played:
                played.harm()
                for part in stage.home.glob("store.sqlite3*"):
                    part.unlink()
                stage.sell_more(2)
                played.tell(light.not_green())
                if turn % 2:
                    stage.until(lambda: health(stage).get("code") == 503)
                light.go_on(5)
                processes.close()
                played.cure()
                ends(stage, light, processes)


def test_pages_of_the_outbox_with_the_files_gone(stage: Stage) -> None:
    """The till died before it could send, a part of its outbox can't be read, and the POS has cleared its folder: each
    sale is in the ERP, or named with its number and value at the till; and is booked once its XML is brought back.
    By the server's word: the new outbox knows nothing of what was proven before."""
    series = Series()
    with Light(stage.home) as light, ExitStack() as server, ExitStack() as till:
        _both(stage, server, till)
        for turn in series.turns():
            stage.sell_more(2)
            light.proven(stage.count)
            with series.playing(turn, light) as played:
                server.close()
                unsent = _captured_unsent(stage)
                till.close()
                _damage_outbox(stage, random.Random(f"outbox {turn}"))
                played.harm()
                _both(stage, server, till)
                with Light(stage.till, words="till status") as at_till:
                    played.tell(light.not_green())
                    lost = _lost_or_booked(stage, unsent)
                    played.note = f"{len(unsent) - len(lost)} of {len(unsent)} saved, named: {sorted(lost)}"
                    if lost:
                        played.tell_too(at_till)
                    _brought_back(stage, light, played, lost)
                stage.booked_right()
                stage.reconciled()


def _both(stage: Stage, server: ExitStack, till: ExitStack) -> None:
    server.enter_context(stage.process("serve", stage.home))
    till.enter_context(stage.process("till run", stage.till))


def _captured_unsent(stage: Stage) -> range:
    """Sold and captured while no server is there; the POS has cleared its folder."""
    unsent = stage.sell_more(12)
    stage.until(lambda: stage.till_status()["pending"] == len(unsent))
    for path in stage.pos.iterdir():
        path.unlink()
    return unsent


def _damage_outbox(stage: Stage, dice: random.Random) -> None:
    """A third of its pages."""
    outbox = stage.till / "outbox.sqlite3"
    with closing(sqlite3.connect(outbox)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = outbox.stat().st_size // PAGE
    damage(outbox, sorted(dice.sample(range(2, pages), max(1, pages // 3))))


def _brought_back(stage: Stage, light: Light, played: Round, lost: set[int]) -> None:
    """What is lost is named at the server too, and no look is green before the ERP has it."""
    if lost:
        light.until(_lost_at_server(stage, lost), "named at the server too")
        light.go_on(5)
    played.cure()
    stage.sell(sorted(lost))
    if not lost:
        stage.run("till", "forget-lost", home=stage.till)
    elif wrong := stage.becomes_right():
        played.still_wrong(wrong)
    light.proven(stage.count)


def _lost_at_server(stage: Stage, lost: set[int]) -> Callable[[Look], bool]:
    """What was proven before may be told as well, until the server has said that it has it."""

    def holds(look: Look) -> bool:
        told = look.finding("sales_lost")
        return bool(told) and told["count"] >= len(lost) and told["value"] >= sum(map(stage.cents, lost))

    return holds


def _lost_or_booked(stage: Stage, numbers: range) -> set[int]:
    """Waits until each of them is booked or named with its value. Those that are named.

    What was proven before may be named too, until the server has said that it has it.
    """
    named: set[int] = set()

    def known() -> bool:
        told = stage.till_status()["lost"]
        assert all(one.get("number") is not None for one in told), "none is known by its place alone"
        assert all(one["total"] == stage.cents(one["number"]) for one in told)
        named.clear()
        named.update(int(one["number"]) for one in told)
        sold = set(stage.sold())
        return set(numbers) <= named | sold and not named & sold

    stage.until(known)
    return named


def damage(file: Path, pages: Any) -> None:
    with file.open("r+b") as stream:
        for page in pages:
            stream.seek(page * PAGE)
            stream.write(b"\xa5" * PAGE)
