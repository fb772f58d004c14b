"""The laboratory's table: each trouble planted in a running demo, found by name, and ended by pressing only what the
Assistente highlights, in a real browser; or handed to whom it belongs to, and over once they did their part.

Long, and so behind MALOTE_SOAK. With LABORATORY_TABLE set to a file, the table is written there.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Page

from malote.demo.bench import FOLDER, Bench
from malote.demo.laboratory_table import MOST_SECONDS, PAIRS, TABLE, ExpectedNaming, Sought, worst_ends
from tests.browser.browser_support import browsing, sign_in, watched
from tests.browser.presser import named, open_drawer, press, verdict

pytestmark = [
    pytest.mark.browser,
    pytest.mark.processes,
    pytest.mark.skipif(not os.environ.get("MALOTE_SOAK"), reason="soak: a demo for a quarter of an hour"),
]

LOOK_SECONDS = 0.7  # a person's pause


class Demo(NamedTuple):
    page: Page
    bench: Bench


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    # Not below pytest's own folder, which every other run on this machine shuts again for the user of PostgreSQL.
    with tempfile.TemporaryDirectory(prefix="malote-demo-", ignore_cleanup_errors=True) as folder:
        yield from _running(Path(folder))


def _running(home: Path) -> Iterator[Demo]:
    command = [sys.executable, "-m", "malote", "demo", "--home", str(home / "demo"), "--rate", "20"]
    with (
        (home / "demo.log").open("wb") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdout is not None
        said = ""
        while "senha" not in said:
            said = process.stdout.readline()
            assert said or process.poll() is None
        address, password = re.search(r"http://[\d.:]+", said), re.search(r"senha (\S+)", said)
        assert address is not None
        assert password is not None
        with browsing() as browser, watched(browser, address.group()) as opened:
            opened.expected += ["Failed to load resource", "Response Status Error Code"]  # a form that is refused
            sign_in(opened.page, "demo", password.group(1))
            yield Demo(opened.page, Bench(home / "demo" / FOLDER))
        process.terminate()


def test_what_a_newcomer_finds_in_the_demo_is_mended_by_pressing(demo: Demo) -> None:
    open_drawer(demo.page)
    assert press(demo.page, MOST_SECONDS)[0] == "resolved"


@pytest.mark.parametrize("names", [*((name,) for name in TABLE), *PAIRS], ids=" + ".join)
def test_each_fault_is_found_by_name_and_ends_as_it_should(demo: Demo, names: tuple[str, ...]) -> None:
    wanted = [TABLE[name] for name in names]
    scope = next((one.scope for one in wanted if one.scope), "")
    for name in names:
        demo.bench.ask(name)
    began, sought, ended, pressed = time.monotonic(), Sought(wanted), "", list[str]()
    open_drawer(demo.page, scope)
    # Nothing is pressed before one of them is named, and of two, one may hide the other until it is over.
    while time.monotonic() - began < MOST_SECONDS and not (sought.is_over and ended):
        sought.note(named(demo.page))
        if sought.found:
            ended, more = press(demo.page, MOST_SECONDS, sought.note)
            pressed += more
        time.sleep(LOOK_SECONDS)
    seconds = time.monotonic() - began
    _note(" + ".join(names), ", ".join(sought.found), ended, f"{sought.at - began:.0f}", f"{seconds:.0f}", pressed)
    for name in names:  # also where it failed: what is left of it fails none of the others
        demo.bench.ask(name, plant=False)
    assert sought.is_over, f"not named: {sought.found}"
    assert ended in worst_ends(wanted), pressed
    assert seconds <= MOST_SECONDS
    _settled(demo, wanted, scope)


def _settled(demo: Demo, wanted: list[ExpectedNaming], scope: str) -> None:
    """What others had to do is done: the same presser ends it."""
    if all("resolved" in one.ends for one in wanted):
        return
    open_drawer(demo.page, scope)
    until = time.monotonic() + MOST_SECONDS
    while time.monotonic() < until and verdict(demo.page) != "resolved":
        press(demo.page, 10)
    assert verdict(demo.page) == "resolved"


def _note(fault: str, found: str, ended: str, found_after: str, over_after: str, pressed: list[str]) -> None:
    """A row of the table, with what was pressed in its order; the same thing twice stands there once."""
    target = os.environ.get("LABORATORY_TABLE")
    if target:
        cure = ", ".join(dict.fromkeys(pressed)) or "–"
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(f"| {fault} | {found} | {cure} | {ended} | {found_after} s | {over_after} s |\n")
