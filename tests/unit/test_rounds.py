"""Work follows the change: how many folders are listed is counted, never timed."""

import os
from pathlib import Path

from malote.folder_rounds import LONGEST_REST_SECONDS, REST_FROM_SECONDS, REST_TIMES, ROUND_SECONDS, Rounds


class Scene:
    def __init__(self, root: Path, count: int) -> None:
        self.now = 0.0
        self.rounds = Rounds(lambda: self.now)
        self.folders = {f"caixa{number:04d}": root / f"caixa{number:04d}" for number in range(count)}
        for path in self.folders.values():
            path.mkdir()
            age(path, 100)

    def listed(self, *touched: str, everywhere: bool = False, quiet: bool = True) -> list[str]:
        due = self.rounds.due(self.folders, None if everywhere else touched)
        for name, changed_at in due.items():
            self.rounds.done(name, changed_at, quiet=quiet)
        return list(due)


def age(path: Path, seconds: float) -> None:
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def test_nothing_is_listed_where_nothing_happened(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 200)
    assert len(scene.listed(everywhere=True)) == 200
    assert scene.listed(everywhere=True) == []
    assert scene.listed() == []


def test_only_the_folder_that_is_told_is_listed(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 20)
    scene.listed(everywhere=True)
    assert scene.listed("caixa0007", "no till of ours") == ["caixa0007"]


def test_a_change_that_nobody_told_is_seen_by_the_folders_time(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 20)
    scene.listed(everywhere=True)
    path = scene.folders["caixa0003"]
    for change in ((path / "a").mkdir, (path / "a").rmdir):
        change()
        assert scene.listed(everywhere=True) == ["caixa0003"]
        age(path, 50)
        scene.listed(everywhere=True)


def test_a_change_within_the_same_moment_is_not_missed(tmp_path: Path) -> None:
    """A time so new may stand for two changes: the folder is listed until it is old enough."""
    scene = Scene(tmp_path, 2)
    scene.listed(everywhere=True)
    (scene.folders["caixa0001"] / "a").mkdir()
    assert scene.listed(everywhere=True) == ["caixa0001"]
    assert scene.listed() == ["caixa0001"]


def test_a_folder_with_work_left_is_listed_until_it_is_done(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 3)
    scene.listed(everywhere=True)
    assert scene.listed("caixa0001", quiet=False) == ["caixa0001"]
    assert scene.listed(quiet=False) == ["caixa0001"]
    assert scene.listed() == ["caixa0001"]
    assert scene.listed() == []


def test_each_folder_has_its_turn_in_a_round_spread_out(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 100)
    scene.listed(everywhere=True)
    listed: list[str] = []
    most = 0
    for _ in range(100):
        scene.now += ROUND_SECONDS / 100
        turn = scene.listed(everywhere=True)
        most = max(most, len(turn))
        listed += turn
    assert set(listed) == set(scene.folders)
    assert most <= 3, "spread out"


def test_a_folder_that_came_later_and_one_that_went(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 2)
    scene.listed(everywhere=True)
    scene.folders["novo"] = tmp_path / "novo"
    scene.folders["novo"].mkdir()
    assert scene.listed() == ["novo"]
    scene.folders["caixa0000"].rmdir()
    assert "caixa0000" in scene.listed(everywhere=True)
    del scene.folders["caixa0000"]
    assert "caixa0000" not in scene.listed(everywhere=True)


def test_a_folder_that_took_long_rests_and_is_due_afterwards(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 2)
    scene.listed(everywhere=True)
    due = scene.rounds.due(scene.folders, {"caixa0001"})
    scene.rounds.done("caixa0001", due["caixa0001"], quiet=True, cost=REST_FROM_SECONDS)
    assert scene.listed("caixa0000", "caixa0001") == ["caixa0000"], "no other rests for it"
    assert scene.listed(everywhere=True) == []
    scene.now += REST_FROM_SECONDS * REST_TIMES
    assert scene.listed() == ["caixa0001"], "what happened meanwhile left no other trace"
    assert scene.listed() == []


def test_an_ordinary_folder_never_rests_and_none_for_long(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 1)
    (name,) = scene.folders
    scene.rounds.done(name, scene.rounds.due(scene.folders)[name], quiet=False, cost=REST_FROM_SECONDS * 0.9)
    assert scene.listed() == [name]
    scene.rounds.done(name, scene.rounds.due(scene.folders, {name})[name], quiet=False, cost=3600.0)
    scene.now += LONGEST_REST_SECONDS
    assert scene.listed() == [name]
