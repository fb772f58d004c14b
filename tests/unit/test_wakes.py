"""What wakes a worker: the system's word where there is one, the clock where there is none."""

import os
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from malote import folder_wakes as waking
from malote.folder_wakes import EVERYTHING, Wake, until_done, wakes


class Listening:
    """Wakes collected by a thread, until the block ends."""

    def __init__(self, root: Path, *, watched: bool = True) -> None:
        self.stop = threading.Event()
        self.names: set[str] = set()
        self.everything = 0
        self.more = threading.Condition()
        self.thread = threading.Thread(target=self._run, args=(root, watched))

    def _run(self, root: Path, watched: bool) -> None:
        for wake in wakes(root, self.stop, 0.05, watched=watched):
            with self.more:
                self.names |= wake.names or frozenset()
                self.everything += wake == EVERYTHING
                self.more.notify_all()

    def __enter__(self) -> "Listening":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(30)
        assert not self.thread.is_alive()

    def until(self, true: Callable[[], bool]) -> None:
        with self.more:
            assert self.more.wait_for(true, 60)


def test_it_tells_in_which_folder_something_happened(tmp_path: Path) -> None:
    for name in ("caixa1", "caixa2"):
        (tmp_path / name / "recebidos").mkdir(parents=True)
    with Listening(tmp_path) as heard:
        heard.until(lambda: heard.everything >= 2)
        aside = tmp_path / "nota.xml"
        aside.write_bytes(b"x")
        aside.rename(tmp_path / "caixa2" / "nota.xml")
        heard.until(lambda: "caixa2" in heard.names)
        assert "caixa1" not in heard.names


def test_a_folder_made_later_is_watched_too(tmp_path: Path) -> None:
    root = tmp_path / "entrada"
    with Listening(root) as heard:
        heard.until(lambda: heard.everything >= 2)
        (root / "caixa9").mkdir()
        # Everything is looked at once more when the new watch stands.
        before = heard.everything
        heard.until(lambda: heard.everything > before)
        heard.names.clear()
        (root / "caixa9" / "nota.xml").write_bytes(b"x")
        heard.until(lambda: "caixa9" in heard.names)


def test_a_root_that_was_replaced_is_watched_again(tmp_path: Path) -> None:
    root = tmp_path / "entrada"
    (root / "caixa1").mkdir(parents=True)
    with Listening(root) as heard:
        heard.until(lambda: heard.everything >= 2)
        root.rename(tmp_path / "antes")
        (tmp_path / "depois" / "caixa1").mkdir(parents=True)
        if not root.exists():
            os.rename(tmp_path / "depois", root)  # noqa: PTH104
        before = heard.everything
        heard.until(lambda: heard.everything > before)
        heard.names.clear()
        (root / "caixa1").mkdir(exist_ok=True)
        (root / "caixa1" / "nota.xml").write_bytes(b"x")
        heard.until(lambda: "caixa1" in heard.names or heard.everything > before + 1)


def test_without_a_watcher_the_clock_wakes_and_it_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none_left(*_: Any, **__: Any) -> Iterator[Any]:
        raise OSError("OS file watch limit reached.")

    monkeypatch.setattr(waking, "watch", none_left)
    with Listening(tmp_path) as heard:
        heard.until(lambda: heard.everything >= 4)
    assert heard.names == set()
    said = capsys.readouterr()
    assert (said.out + said.err).count("folder_not_watched") == 1


def test_a_share_that_tells_nothing_is_only_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waking, "watch", lambda *_, **__: pytest.fail("it was to be left alone"))
    with Listening(tmp_path, watched=False) as heard:
        heard.until(lambda: heard.everything >= 3)


def test_an_idle_wake_means_no_folder(tmp_path: Path) -> None:
    """So that whoever is woken to look at his rows lists nothing."""
    stop = threading.Event()
    told: list[Wake] = []
    for wake in wakes(tmp_path, stop, 0.02, watched=True):
        told.append(wake)
        if len(told) == 5:
            stop.set()
    assert told[:2] == [EVERYTHING, EVERYTHING]
    assert told[2:] == [Wake(frozenset())] * 3


def test_what_never_gets_done_hides_nothing_else() -> None:
    """A POS's log that grows for ever in one till's folder: what comes to the others meanwhile is told by nobody."""
    looks: list[Collection[str] | None] = []

    def scan(names: Collection[str] | None) -> int:
        looks.append(names)
        return 4 - len(looks)

    until_done(scan, Wake(frozenset({"caixa1"})), threading.Event(), 0.001)
    assert looks == [frozenset({"caixa1"}), None, None, None]


def test_looking_again_ends_when_told_to_stop() -> None:
    stop = threading.Event()
    looks: list[Collection[str] | None] = []

    def scan(names: Collection[str] | None) -> int:
        looks.append(names)
        stop.set()
        return 1

    until_done(scan, EVERYTHING, stop, 60.0)
    assert looks == [None]
