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
from malote.demo.bench import FAULTS, FOLDER, Bench
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


class Expected(NamedTuple):
    """``codes``: any of them names it. ``ends``: how it ends by pressing alone. ``scope``: where it is looked at."""

    codes: tuple[str, ...]
    ends: tuple[str, ...] = ("resolved",)
    scope: str = ""


TABLE: dict[str, Expected] = {
    "reject": Expected(("erp_constraint",)),
    "fragment": Expected(("file_damaged",), ("handed",)),
    "wrong-sum": Expected(("items_sum", "header_disagrees", "payments_sum"), ("handed",)),
    "divergent-key": Expected(("divergent_content",), ("handed", "person")),
    "structure-erp": Expected(("structures_behind",)),
    "structure-store": Expected(("structures_behind",)),
    "lock-idle": Expected(("erp_locked",)),
    "lock-active": Expected(("erp_locked",)),
    "lock-chain": Expected(("erp_locked",)),
    "erp-restored": Expected(("outside_erp", "erp_ledger_short")),
    "erp-away": Expected(("erp_away",), ("handed",)),
    "password-changed": Expected(("erp_refused_login",), ("handed",)),
    "partition-missing": Expected(("erp_refuses_all", "erp_constraint"), ("handed", "person")),
    "till-offline": Expected(("till_unheard", "till_cut_off"), ("handed",)),
    "agent-killed": Expected(("till_unheard", "till_cut_off"), ("handed",)),
    "wrong-folder": Expected(("folder_missing", "files_refused"), ("handed",)),
    "token-revoked": Expected(("till_token_renewed",), ("handed",)),
    "till-disabled": Expected(("till_disabled",), ("handed",), "caixa3"),
    "poster-killed": Expected(("poster_absent", "booking_behind"), ("handed",)),
    "gap": Expected(("numbers_missing",)),
    "void-conflict": Expected(("void_of_authorised", "void_of_booked"), ("resolved", "person", "handed")),
    "unauthorised-offline": Expected(("protocol_overdue",)),
    "series-of-two": Expected(("series_owner_awaited", "series_of_another_till"), ("handed", "resolved")),
}


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


def test_the_table_has_every_fault() -> None:
    assert set(TABLE) == set(FAULTS)


def test_what_a_newcomer_finds_in_the_demo_is_mended_by_pressing(demo: Demo) -> None:
    open_drawer(demo.page)
    assert press(demo.page, CURED_SECONDS)[0] == "resolved"


@pytest.mark.parametrize("name", TABLE)
def test_each_fault_is_found_by_name_and_ends_as_it_should(demo: Demo, name: str) -> None:
    expected, began = TABLE[name], time.monotonic()
    demo.bench.ask(name)
    found = _found(demo.services, expected)
    seconds = time.monotonic() - began
    assert found, f"{name}: not found in {FOUND_SECONDS:.0f} s"
    open_drawer(demo.page, expected.scope)
    ended, pressed = press(demo.page, CURED_SECONDS)
    cured = time.monotonic() - began
    _note(f"{name} | {found} | {ended} | {seconds:.0f} | {cured:.0f} | {', '.join(pressed)}")
    assert ended in expected.ends, pressed
    demo.bench.ask(name, plant=False)
    _settled(demo, expected)


def _found(services: Services, expected: Expected) -> str:
    """The name under which it was found; "" where it wasn't."""
    until = time.monotonic() + FOUND_SECONDS
    while time.monotonic() < until:
        view = services.runbook.view(expected.scope, SELF)
        known = {one.code for one in view.seen.causes} | {one.code for one in view.seen.groups}
        known |= {one.code for one in view.procedure.steps} | {one.said for one in view.procedure.steps}
        hit = next((code for code in expected.codes if code in known), "")
        if hit:
            return hit
        time.sleep(0.5)
    return ""


def _settled(demo: Demo, expected: Expected) -> None:
    """What others had to do is done: the same presser ends it, as far as this fault can end at all."""
    if "resolved" in expected.ends:
        return
    open_drawer(demo.page, expected.scope)
    until = time.monotonic() + CURED_SECONDS
    while time.monotonic() < until and verdict(demo.page) != "resolved":
        press(demo.page, 10)


def _note(line: str) -> None:
    target = os.environ.get("LABORATORY_TABLE")
    if target:
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(f"| {line} |\n")
