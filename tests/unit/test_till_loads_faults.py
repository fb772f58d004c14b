"""Power cuts and full disks at every step of a load: the old load or the new one, never half, and then the new one."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from malote.load_format.wire import LoadOrder
from malote.till.loads import loads_database, rolling_back
from malote.till.loads.loads_database import FILE, LoadsError
from malote.till.storage import OutboxError
from tests.loads_support import PRICE, PRODUCT, Depot, LoadedTill, price, prices, product
from tests.unit.faulty_disk import FULL, FaultyDisk, PowerCut, sqlite_error

OLD, NEW = (4, "1.00", 0), (4, "2.00", 2)  # prices, the first of them, products


class Stage:
    """A till at version 1, to be copied, and the order of version 2: changes of one entity, and another that is new."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "before"
        self.folder.mkdir()
        till = LoadedTill(self.folder)
        self.depot: Depot = till.depot
        with till.outbox:
            self.depot.stage((PRICE, prices(4)))
            till.obey(self.depot.order_of(1))
        changed = [price("000000", "2.00"), *prices(5)[2:]]
        self.order: LoadOrder = self.depot.order_of(
            self.depot.stage((PRICE, changed), (PRODUCT, [product("1"), product("2")]))
        )

    def copy(self, name: str) -> Path:
        return Path(shutil.copytree(self.folder, self.folder.with_name(name)))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def seen(folder: Path) -> tuple[int, str, int]:
    """As a POS sees it."""
    with closing(sqlite3.connect(folder / FILE)) as connection:
        count, first = connection.execute(
            "SELECT COUNT(*), MAX(price) FILTER (WHERE product = '000000') FROM price"
        ).fetchone()
        names = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'product'").fetchall()
        return count, first, connection.execute("SELECT COUNT(*) FROM product").fetchone()[0] if names else 0


def _steps(stage: Stage, order: LoadOrder | None = None) -> int:
    disk = FaultyDisk()
    till = LoadedTill(stage.copy("counted"), disk, stage.depot)
    with till.outbox:
        assert till.obey(order or stage.order).state == "done"
    return len(disk.steps)


def _finished(folder: Path, stage: Stage) -> Iterator[str]:
    till = LoadedTill(folder, depot=stage.depot)
    with till.outbox:
        yield till.go_on().state
    yield "/".join(path.name for path in till.incoming.iterdir())


def test_a_power_cut_at_any_step_leaves_the_old_or_the_new_and_then_the_new(stage: Stage) -> None:
    steps, found = _steps(stage), set()
    assert 30 < steps < 150
    for number in range(steps):
        folder = stage.copy(str(number))
        till = LoadedTill(folder, FaultyDisk().off_at(number), stage.depot)
        with till.outbox, pytest.raises(PowerCut):
            till.obey(stage.order)
        found.add(seen(folder))
        assert list(_finished(folder, stage)) == ["done", ""]
        assert seen(folder) == NEW, number
    assert found == {OLD, NEW}


def test_a_power_cut_at_any_step_back_leaves_the_new_or_the_old_and_then_the_old(taken: Stage) -> None:
    stage, back = taken, taken.depot.order_of(1, back_from=2)
    for number in range(0, _steps(stage, back), 3):
        folder = stage.copy(str(number))
        till = LoadedTill(folder, FaultyDisk().off_at(number), stage.depot)
        with till.outbox, pytest.raises(PowerCut):
            till.obey(back)
        assert seen(folder) in (OLD, NEW)
        assert list(_finished(folder, stage)) == ["done", ""]
        assert seen(folder) == OLD, number
    assert stage.depot.fetched == []


def test_a_disk_that_is_full_at_any_step_leaves_the_old_and_then_the_new(stage: Stage) -> None:
    for number in range(_steps(stage)):
        folder = stage.copy(str(number))
        till = LoadedTill(folder, _full_at(number), stage.depot)
        with till.outbox:
            with pytest.raises(OutboxError, match="loads_no_room"):
                till.obey(stage.order)
            assert seen(folder) in (OLD, NEW)
            assert till.go_on().state == "done"
        assert seen(folder) == NEW, number


@pytest.fixture
def taken(stage: Stage) -> Stage:
    """The till is at version 2, and was at 1."""
    till = LoadedTill(stage.folder, depot=stage.depot)
    with till.outbox:
        till.obey(stage.order)
    stage.depot.fetched.clear()
    return stage


def test_a_disk_that_is_full_at_any_ordered_step_back_leaves_the_new_and_then_the_old(taken: Stage) -> None:
    back = taken.depot.order_of(1, back_from=2)
    for number in range(1, _steps(taken, back), 2):
        folder = taken.copy(str(number))
        disk = _full_at(number)
        till = LoadedTill(folder, disk, taken.depot)
        with till.outbox:
            with pytest.raises(OutboxError, match="loads_no_room"):
                till.obey(back)
            assert seen(folder) in (OLD, NEW)
            assert till.orders.said()[0].state == "begun", "and not given up"
            assert till.go_on().state == "done"
        assert seen(folder) == OLD, number
    assert taken.depot.fetched == []


def test_a_disk_that_is_full_at_any_step_back_of_a_persons_leaves_the_new_and_then_the_old(taken: Stage) -> None:
    counted = FaultyDisk()
    with loads_database.opened(taken.copy("counted") / FILE, counted) as connection:
        rolling_back.roll_back(connection, 1.0)
    assert len(counted.steps) > 10
    for number in range(len(counted.steps)):
        path = taken.copy(str(number)) / FILE
        with pytest.raises(LoadsError, match="loads_no_room"), loads_database.opened(path, _full_at(number)) as full:
            rolling_back.roll_back(full, 1.0)
        assert seen(path.parent) == NEW
        with loads_database.opened(path) as connection:
            assert rolling_back.roll_back(connection, 1.0).version == 1
        assert seen(path.parent) == OLD, number


def test_a_step_back_leaves_room_for_the_sales_at_each_of_its_steps(taken: Stage) -> None:
    class Shrinking(FaultyDisk):
        looks_with_room = 2

        def free_bytes(self, folder: Path) -> int:
            self.looks_with_room -= 1
            return 100_000_000 if self.looks_with_room >= 0 else 20_000_000

    disk = Shrinking()
    folder = taken.copy("small")
    till = LoadedTill(folder, disk, taken.depot)
    with till.outbox:
        with pytest.raises(OutboxError, match="loads_no_room"):
            till.obey(taken.depot.order_of(1, back_from=2))
        assert seen(folder) == NEW
        disk.looks_with_room = 1000
        assert till.go_on().state == "done"
    assert seen(folder) == OLD


def _full_at(number: int) -> FaultyDisk:
    disk = FaultyDisk()

    def fails(step: str, _name: str) -> BaseException | None:
        error = sqlite_error(sqlite3.SQLITE_FULL) if step.isupper() else FULL
        return error if len(disk.steps) == number + 1 else None

    disk.fails = fails
    return disk


def test_a_load_leaves_room_for_the_sales(stage: Stage) -> None:
    class Small(FaultyDisk):
        def free_bytes(self, folder: Path) -> int:
            return 20_000_000

    stage.depot.fetched.clear()
    till = LoadedTill(stage.copy("small"), Small(), stage.depot)
    with till.outbox, pytest.raises(OutboxError, match="loads_no_room"):
        till.obey(stage.order)
    assert stage.depot.fetched == []
