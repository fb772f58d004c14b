"""The laboratory's table: each trouble planted in a running demo, found by name, and ended by pressing only what the
Assistente highlights, in a real browser; or handed to whom it belongs to, and over once they did their part.

Long, and so behind MALOTE_SOAK. With LABORATORY_TABLE set to a file, the table is written there.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Page

from malote.accounts.audit import Actor
from malote.app import Services, services_for
from malote.config import load
from malote.demo.bench import FOLDER, Bench
from malote.demo.laboratory_table import TABLE, ExpectedNaming
from tests.browser.browser_support import browsing, sign_in, watched
from tests.browser.presser import open_drawer, press, verdict

pytestmark = [
    pytest.mark.browser,
    pytest.mark.processes,
    pytest.mark.skipif(not os.environ.get("MALOTE_SOAK"), reason="soak: a demo for a quarter of an hour"),
]

FOUND_SECONDS = 180.0  # a killed poster's last sign of life counts for two minutes
CURED_SECONDS = 120.0
SELF = Actor("laboratorio")


class Demo(NamedTuple):
    page: Page
    services: Services
    bench: Bench


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    home = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "malote", "demo", "--home", str(home), "--rate", "20"]
    with (
        (home.parent / "demo.log").open("wb") as log,
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
        with (
            browsing() as browser,
            watched(browser, address.group()) as opened,
            services_for(load(home / "malote.toml", {})) as services,
        ):
            opened.expected.append("Failed to load resource")
            sign_in(opened.page, "demo", password.group(1))
            yield Demo(opened.page, services, Bench(home / FOLDER))
        process.terminate()


def test_what_a_newcomer_finds_in_the_demo_is_mended_by_pressing(demo: Demo) -> None:
    open_drawer(demo.page)
    assert press(demo.page, CURED_SECONDS)[0] == "resolved"


@pytest.mark.parametrize("name", TABLE)
def test_each_fault_is_found_by_name_and_ends_as_it_should(demo: Demo, name: str) -> None:
    expected, began = TABLE[name], time.monotonic()
    demo.bench.ask(name)
    found = _found(demo.services, expected)
    seconds = time.monotonic() - began
    if not found:
        demo.bench.ask(name, plant=False)
    assert found, f"{name}: not found in {FOUND_SECONDS:.0f} s"
    open_drawer(demo.page, expected.scope)
    ended, pressed = press(demo.page, CURED_SECONDS)
    cured = time.monotonic() - began
    _note(f"{name} | {found} | {ended} | {seconds:.0f} | {cured:.0f} | {', '.join(pressed)}")
    demo.bench.ask(name, plant=False)  # also where it failed: what is left of it fails none of the others
    assert ended in expected.ends, pressed
    _settled(demo, expected)


def _found(services: Services, expected: ExpectedNaming) -> str:
    """The name under which it was found; "" where it wasn't."""
    until = time.monotonic() + FOUND_SECONDS
    while time.monotonic() < until:
        view = services.runbook.view(expected.scope, SELF)
        known = {one.code for one in view.seen.causes} | {one.code for one in view.seen.groups}
        known |= {one.code for one in view.procedure.steps}
        known |= {one.name for one in view.procedure.steps if one.state in ("now", "handed", "going")}
        hit = next((code for code in expected.codes if code in known), "")
        if hit:
            return hit
        time.sleep(0.5)
    return ""


def _settled(demo: Demo, expected: ExpectedNaming) -> None:
    """What others had to do is done: the same presser ends it, as far as this fault can end at all."""
    if "resolved" in expected.ends:
        return
    open_drawer(demo.page, expected.scope)
    until = time.monotonic() + CURED_SECONDS
    while time.monotonic() < until and verdict(demo.page) != "resolved":
        press(demo.page, 10)
    assert verdict(demo.page) == "resolved"


def _note(line: str) -> None:
    target = os.environ.get("LABORATORY_TABLE")
    if target:
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(f"| {line} |\n")
