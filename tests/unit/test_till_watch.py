"""The watcher of the POS's folder goes through links: one to ``/`` made it watch the whole machine."""

import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from malote.till import watch


@pytest.mark.skipif(sys.platform == "win32", reason="links of POSIX")
def test_below_a_folder_that_holds_a_link_nothing_is_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "2026" / "11").mkdir(parents=True)
    link, stop = tmp_path / "2026" / "all", Event()
    watched: list[bool] = []
    told: set[str] = set()

    def changes(folder: Path, *, recursive: bool, **_: Any) -> Iterator[set[str]]:
        watched.append(recursive)
        if len(watched) == 1:
            link.symlink_to("/")
        else:
            stop.set()
        yield {str(link)}

    monkeypatch.setattr(watch, "changes", changes)
    watch.watch(tmp_path, told.update, stop, recursive=True, retry_seconds=0.0)
    assert watched == [True, False]
    assert told == {str(link)}
