"""What stands in the place of the loads' files at a till and is none: put aside or told, and the till goes on."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from malote import wire
from malote.config.sections import LoadFileSettings, TillLoadsSettings
from malote.disk import DISK
from malote.load_format.wire import ManifestQuery
from malote.till.loads.loads_database import LoadsError
from malote.till.loads.loads_upkeep import LoadsUpkeep
from malote.till.loads.output_files import OutputFiles
from malote.till.storage import OutboxError
from tests.loads_support import PRICE, LoadedTill, PassingClock, prices
from tests.unit.faulty_disk import FaultyDisk
from tests.unit.till_support import till_settings

NOW = 1_700_000_000.0


@pytest.fixture
def till(tmp_path: Path) -> Iterator[LoadedTill]:
    made = LoadedTill(tmp_path)
    with made.outbox:
        made.depot.stage((PRICE, prices(3)))
        made.obey(made.depot.order_of(1))
        yield made


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "somebody's").write_text("x")


PLACES: list[tuple[str, Callable[[Path], Any]]] = [
    ("", _folder),
    ("-wal", _folder),
    ("-shm", _folder),
    ("-journal", _folder),
]
if hasattr(os, "mkfifo"):
    PLACES += [("", os.mkfifo), ("", lambda path: path.symlink_to("/dev/null"))]


@pytest.mark.parametrize(("suffix", "put"), PLACES)
def test_what_is_no_file_is_put_aside_and_the_load_comes_anew(
    till: LoadedTill, suffix: str, put: Callable[[Path], Any]
) -> None:
    place = till.path.with_name(till.path.name + suffix)
    place.unlink(missing_ok=True)
    put(place)
    till.now, version = NOW, till.depot.stage((PRICE, prices(3, "2.00")))
    assert till.obey(till.depot.order_of(version)).state == "done"
    assert till.select("SELECT SUM(price = '2.00') FROM price_now") == [(3,)]
    assert till.ears.codes("happened") == ["loads_obstructed"]
    (aside,) = till.path.parent.glob("*.not-a-file-*")
    assert aside.name.startswith(place.name)
    assert not aside.is_dir() or [one.name for one in aside.iterdir()] == ["somebody's"]


def test_the_rows_go_on_beside_a_log_that_is_none(till: LoadedTill) -> None:
    _folder(till.path.with_name(f"{till.path.name}-wal"))
    assert till.held() == wire.LoadsHeld(0)
    upkeep = LoadsUpkeep(till.outbox.path, till_settings(till.path.parent), till.ears.voice, PassingClock(), DISK)
    upkeep.check()
    assert till.select("SELECT COUNT(*) FROM price_now") == [(3,)]
    assert till.held().version == 1


def test_a_file_without_rights_is_set_aside_as_what_is_none(till: LoadedTill, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' user may read whatever there is: the system's answer is given."""
    denied = sqlite3.OperationalError("unable to open database file")
    denied.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
    inode = till.path.stat().st_ino
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path).stat().st_ino != inode)

    class Denying(FaultyDisk):
        def database(self, path: Path | str, **how: Any) -> sqlite3.Connection:
            if Path(path).exists() and Path(path).stat().st_ino == inode:
                raise denied
            return super().database(path, **how)

    till.outbox.disk = Denying()
    till.begin()
    till.depot.stage((PRICE, prices(3, "2.00")))
    assert till.obey(till.depot.order_of(2)).state == "done"
    assert till.select("SELECT SUM(price = '2.00') FROM price_now") == [(3,)]
    assert till.ears.codes("happened") == ["loads_obstructed"]


def test_what_cannot_be_moved_is_told_and_leaves_the_agents_session_alone(till: LoadedTill) -> None:
    till.path.unlink()
    _folder(till.path)
    disk = FaultyDisk(lambda step, _name: OSError(16, "Device or resource busy") if step == "rename" else None)
    till.outbox.disk = disk
    till.begin()
    with pytest.raises(OutboxError, match="loads_obstructed"):
        till.obey(till.depot.order_of(1, anew=True))
    clock = PassingClock()
    upkeep = LoadsUpkeep(till.outbox.path, till_settings(till.path.parent), till.ears.voice, clock, disk)
    upkeep.check()
    clock.passed += 60
    upkeep.look_through()
    clock.passed += 600
    with pytest.raises(LoadsError, match="loads_obstructed"):
        upkeep.look_through()
    disk.fails = lambda _step, _name: None
    assert till.go_on().state == "done"


def test_of_damaged_ones_set_aside_before_a_folder_stays(till: LoadedTill) -> None:
    _folder(till.path.with_name(f"{till.path.name}.damaged-1"))
    till.path.write_bytes(b"no database" * 1000)
    assert till.obey(till.depot.order_of(1, anew=True)).state == "done"
    assert till.select("SELECT COUNT(*) FROM price_now") == [(3,)]


@pytest.mark.parametrize("inside", [False, True])
def test_what_is_no_folder_of_files_under_way_and_no_file_in_it_is_put_aside(till: LoadedTill, inside: bool) -> None:
    version = till.depot.stage((PRICE, prices(3, "2.00")))
    order = till.depot.order_of(version)
    if inside:
        _folder(till.incoming / till.depot.manifest(ManifestQuery(2, till.held().entities)).files[0].sha256)
        (till.incoming / "a.not-a-file-1").write_text("somebody's, who may read it by now")
    else:
        till.incoming.rmdir()
        till.incoming.write_text("x")
    assert till.obey(order).state == "done"
    assert till.select("SELECT SUM(price = '2.00') FROM price_now") == [(3,)]
    assert not inside or len(list(till.incoming.glob("*.not-a-file-*"))) == 2, "never deleted"


# ---- files for the POS ----


def _files(till: LoadedTill, *names: str) -> OutputFiles:
    folder = till.outbox.path.parent / "cargas"
    return OutputFiles(
        till.outbox.path, TillLoadsSettings(str(folder), [LoadFileSettings("price", one) for one in names]), DISK
    )


def test_a_folder_in_a_files_place_is_told_with_its_path_and_the_others_are_written_once(till: LoadedTill) -> None:
    cargas = till.outbox.path.parent / "cargas"
    cargas.mkdir()
    _folder(cargas / "a.csv")
    files = _files(till, "a.csv", "b.csv")
    assert not files.write_and_tell(NOW, till.ears.voice)
    assert till.ears.codes("begins") == ["loads_file_obstructed"]
    assert till.ears.heard[-1].problem.facts == {"path": str(cargas / "a.csv")}
    written = (cargas / "b.csv").stat().st_ino
    assert not files.write_and_tell(NOW + 1, till.ears.voice)
    assert (cargas / "b.csv").stat().st_ino == written
    (cargas / "a.csv").rename(cargas / "elsewhere")
    assert files.write_and_tell(NOW + 2, till.ears.voice)


def test_a_file_in_the_folders_place_is_told_with_its_path(till: LoadedTill) -> None:
    (till.outbox.path.parent / "cargas").write_text("x")
    assert not _files(till, "a.csv").write_and_tell(NOW, till.ears.voice)
    assert till.ears.codes("begins") == ["loads_file_obstructed"]


def test_a_folder_in_the_place_of_what_remembers_is_put_aside(till: LoadedTill) -> None:
    _folder(till.outbox.path.with_name("loads-files.json"))
    assert _files(till, "a.csv").write_due(NOW) == ["a.csv"]
    assert _files(till, "a.csv").write_due(NOW) == []
