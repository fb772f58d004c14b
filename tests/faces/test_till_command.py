"""`malote till run --once` and `malote till status`, as a person types them."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from malote import wire
from malote.till import diagnosis, lost_sales, missing_in_erp, vanished_files
from malote.till.outbox import Outbox
from malote.till.server_line import ServerLine
from malote.wire import PouchLimits
from tests.command_line import MALOTE, Ended, malote
from tests.faces.till_support import FakeServer, Ledger, says, serving
from tests.unit.fiscal.notes import build_note
from tests.unit.till_support import put


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    with serving(Ledger()) as server:
        yield server


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.05)


class Home:
    """A till's home folder with its settings."""

    def __init__(self, path: Path, address: str) -> None:
        self.path = path
        (path / "pos").mkdir()
        lines = ['language = "en"', "[till]", f'server = "{address}"', 'folder = "pos"', 'token = "t"']
        lines += ["quiet_seconds = 0.0", "poll_seconds = 0.1"]
        (path / "malote.toml").write_text("\n".join(lines), encoding="utf-8")

    def call(self, *words: str, **environment: str) -> Ended:
        return malote(self.path, "till", *words, columns=200, **environment)

    def status(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.call("status", "--json").stdout)
        return said


@pytest.fixture
def home(tmp_path: Path, fake: FakeServer) -> Home:
    return Home(tmp_path, fake.url)


def test_once_ends_with_0_when_all_is_proven(home: Home) -> None:
    """In a process of its own, as under a timer; the others are called in this one."""
    put(home.path / "pos", "a.xml", b"sale")
    command = [*MALOTE, "till", "run", "--once"]
    ended = subprocess.run(command, cwd=home.path, capture_output=True, text=True, timeout=300, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "1 proven, 0 waiting, 0 rejected, 0 not captured\n"
    assert (home.path / "pos" / "a.xml").exists()
    found = home.status()
    assert (found["posted"], found["pending"], found["server"]["reachable"]) == (1, 0, True)
    assert home.call("status").returncode == 0


def test_once_ends_with_1_when_a_person_must_act_and_status_says_why(home: Home, fake: FakeServer) -> None:
    fake.ledger.reject[b"bad"] = "token_invalid"  # any code of the catalogue
    put(home.path / "pos", "bad.xml", b"bad")
    # What the server says counts from the next look at the folder on.
    fake.ledger.limits = PouchLimits(200, 4_000_000, 1000)
    assert home.call("run", "--once").returncode == 1
    put(home.path / "pos", "large.xml", b"x" * 1001)
    ended = home.call("run", "--once")
    assert ended.returncode == 1
    assert "large.xml: File too large [file_too_large]: The file has 1001 bytes; the limit is 1000." in ended.stderr
    shown = home.call("status")
    assert shown.returncode == 1
    for words in ("bad.xml", "Said by the server", "large.xml", "file_too_large"):
        assert words in shown.stdout
    found = home.status()
    assert [(trouble["name"], trouble["code"]) for trouble in found["troubles"]] == [("bad.xml", "token_invalid")]
    assert found["troubles"][0]["remedy"]
    assert [(file["name"], file["size"]) for file in found["refused"]] == [("large.xml", 1001)]


def test_once_ends_with_3_without_a_server(home: Home) -> None:
    put(home.path / "pos", "a.xml", b"sale")
    ended = home.call("run", "--once", "--timeout", "0.5", MALOTE_TILL_SERVER="http://127.0.0.1:1")
    assert ended.returncode == 3
    assert "[server_unreachable]" in ended.stderr
    found = home.status()
    assert (found["pending"], found["server"]["reachable"], found["server"]["code"]) == (1, False, "server_unreachable")
    assert found["oldest_pending_seconds"] >= 0
    assert home.call("status").returncode == 0, "it passes by itself"


def test_a_wrong_token_is_said_with_its_remedy(home: Home, fake: FakeServer) -> None:
    refusal = says(401, wire.Fault("token_invalid", "Token", "The server does not know this token."))
    fake.ledger.play(wire.PATH_CONTACT, *[refusal] * 9)
    ended = home.call("run", "--once")
    assert ended.returncode == 3
    assert "[token_invalid]: The server does not know this token. Make a new one" in ended.stderr
    assert home.call("status").returncode == 1


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"MALOTE_TILL_TOKEN": ""}, "MALOTE_TILL_TOKEN"),
        ({"MALOTE_TILL_FOLDER": ""}, "MALOTE_TILL_FOLDER"),
        ({"MALOTE_TILL_SERVER": "store:8470"}, "till.server"),
        ({"MALOTE_TILL_TOKEN": "", "MALOTE_TILL_TOKEN_FILE": "nowhere"}, "till.token_file"),
        ({"MALOTE_TILL_POUCH_DOCUMENTS": "0"}, "till.pouch_documents"),
    ],
)
def test_wrong_settings_end_with_2_and_name_the_setting(home: Home, environment: dict[str, str], said: str) -> None:
    ended = home.call("run", "--once", **environment)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_status_before_anything_tells_what_to_do(home: Home) -> None:
    shown = home.call("status")
    assert shown.returncode == 0
    assert "malote till run" in shown.stdout
    assert home.status()["empty"] is True
    nowhere = home.call("status", MALOTE_TILL_FOLDER="")
    assert nowhere.returncode == 3
    assert "till.folder" in nowhere.stderr
    assert not (home.path / "outbox.sqlite3").exists()


def test_a_damaged_outbox_is_said_loudly(home: Home) -> None:
    put(home.path / "pos", "a.xml", b"sale")
    (home.path / "outbox.sqlite3").write_bytes(b"no database" * 1000)
    assert home.call("status").returncode == 3
    ended = home.call("run", "--once")
    assert ended.returncode == 0
    assert "[outbox_damaged]" in ended.stderr
    assert home.status()["posted"] == 1


def test_an_outbox_of_a_newer_version_is_left_alone(home: Home) -> None:
    connection = sqlite3.connect(home.path / "outbox.sqlite3")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    for words in (["run", "--once"], ["status"]):
        ended = home.call(*words)
        assert ended.returncode == 3
        assert "[outbox_newer]" in ended.stderr


def test_status_in_portuguese(home: Home) -> None:
    put(home.path / "pos", "a.xml", b"sale")
    home.call("run", "--once")
    assert "Comprovadas no ERP" in home.call("status", MALOTE_LANGUAGE="pt").stdout


def test_a_first_start_among_old_files_asks_and_goes_on_once_told(fake: FakeServer, tmp_path: Path) -> None:
    home = Home(tmp_path, fake.url)
    put(
        tmp_path / "pos", "old.xml", build_note(number=1, issued_at=datetime.fromisoformat("2026-08-01T10:00:00-03:00"))
    )
    put(
        tmp_path / "pos", "new.xml", build_note(number=2, issued_at=datetime.fromisoformat("2026-11-27T10:00:00-03:00"))
    )
    assert home.call("run", "--once").returncode == 1
    assert fake.ledger.states == {}
    asked = home.call("start", "--json")
    assert (asked.returncode, json.loads(asked.stdout)["question"]["files"]) == (1, 2)
    assert home.call("start", "--since", "tomorrow").returncode == 2
    assert home.call("start", "--since", "2026-11-01").returncode == 0
    assert home.call("run", "--once").returncode == 0
    assert len(fake.ledger.states) == 1
    assert json.loads(home.call("status", "--json").stdout)["passed_over"] == 1


# ---- what lies in the folder, what ails the till, what it lost ----


def look(home: Home, *words: str) -> Ended:
    """As if a minute had gone by since the files were put there: only the look's own patience is shortened."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diagnosis, "UNCAPTURED_SECONDS", 0.0)
        return home.call("status", *words)


def test_files_that_nobody_captured_are_told_by_an_exit_status_of_their_own(home: Home) -> None:
    assert home.call("run", "--once").returncode == 0
    for number in range(60):
        put(home.path / "pos", f"{number}.xml", b"%d" % number)
    ended = look(home)
    assert ended.returncode == 4
    assert "60 × Sales in the POS's folder, not captured [files_uncaptured]" in ended.stdout
    said = json.loads(look(home, "--json").stdout)
    assert (said["folder"]["seen"], said["folder"]["captured"], said["folder"]["uncaptured"]) == (60, 0, 60)
    assert [one["code"] for one in said["ails"]] == ["files_uncaptured"]
    assert home.call("run", "--once").returncode == 0
    ended = look(home)
    assert (ended.returncode, "files_uncaptured" in ended.stdout) == (0, False)


def test_an_agent_that_never_ran_has_captured_nothing_however_young_the_files(home: Home) -> None:
    assert home.call("status").returncode == 0  # an empty folder
    for number in range(501):
        put(home.path / "pos", f"{number}.xml", b"sale")
    ended = home.call("status")
    assert (ended.returncode, "501 × Sales in the POS's folder, and the agent was never started" in ended.stdout) == (
        4,
        True,
    )
    assert "malote till start --since today" in ended.stdout
    assert "malote till run" in ended.stdout
    assert home.call("start", "--all").returncode == 0
    ended = home.call("status")
    assert (ended.returncode, "[start_unsaid]" in ended.stdout, "[agent_never_ran]" in ended.stdout) == (4, False, True)


def test_a_folder_that_is_gone_is_trouble_of_the_machine(home: Home) -> None:
    assert home.call("run", "--once").returncode == 0
    (home.path / "pos").rmdir()
    ended = look(home)
    assert ended.returncode == 5
    assert "[folder_missing]" in ended.stdout


def test_what_was_lost_is_listed_by_number_and_value(home: Home) -> None:
    assert home.call("run", "--once").returncode == 0
    with Outbox(home.path / "outbox.sqlite3") as outbox:
        sale = lost_sales.LostFile("ab" * 32, "venda.xml", 1.0, "35" * 22, 1, 7, "2026-11-20T09:00:00-03:00", 3209)
        lost_sales.note(outbox, [sale])
    ended = look(home)
    assert ended.returncode == 6
    assert "1 × Sales lost on the till's disk [sales_lost] R$ 32.09" in ended.stdout
    assert "1/7" in ended.stdout
    said = json.loads(look(home, "--json").stdout)
    assert (said["lost"][0]["number"], said["lost"][0]["total"]) == (7, 3209)
    assert home.call("forget-lost", "--dry-run").returncode == 1
    assert home.call("forget-lost").stdout == f"1/7  {'35' * 22}  R$ 32.09\n1 forgotten.\n"
    assert look(home).returncode == 0


def test_what_was_proven_and_left_the_erp_is_told(home: Home) -> None:
    assert home.call("run", "--once").returncode == 0
    with Outbox(home.path / "outbox.sqlite3") as outbox:
        outbox.note("outside", missing_in_erp.MissingInErp(4, 10360))
    ended = look(home)
    assert ended.returncode == 1
    assert "not in the ERP any more" in ended.stdout
    assert "4  R$ 103.60" in ended.stdout


def test_what_vanished_is_told_until_a_person_says_that_it_was_no_sale(home: Home) -> None:
    with Outbox(home.path / "outbox.sqlite3") as outbox:
        outbox.note("vanished", [vanished_files.Vanished("/pos/a.xml", 4, 1.0)])
    assert look(home).returncode == 6
    listed = home.call("forget-vanished", "--dry-run", "--json")
    assert (listed.returncode, json.loads(listed.stdout)["vanished"][0]["size"]) == (1, 4)
    assert home.call("forget-vanished").stdout == "/pos/a.xml  4 B\n1 forgotten.\n"
    assert look(home).returncode == 0


def test_a_clock_off_by_more_than_a_minute_is_told(home: Home) -> None:
    assert home.call("run", "--once").returncode == 0
    with Outbox(home.path / "outbox.sqlite3") as outbox:
        outbox.note("line", ServerLine("http://x", True, 1.0, skew_seconds=-3600.0))
    assert look(home).returncode == 5


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small disk, which Linux alone lets root do")
def test_a_till_whose_disk_is_full_says_so_and_goes_on_once_there_is_room(tmp_path: Path, fake: FakeServer) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    small = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(small, capture_output=True, check=False).returncode:
        pytest.skip("needs root to mount a small disk")
    try:
        _fill_and_free(Home(disk, fake.url), tmp_path / "pos", fake)
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


def _fill_and_free(home: Home, pos: Path, fake: FakeServer) -> None:
    pos.mkdir()
    settings = home.path / "malote.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace('"pos"', f'"{pos.as_posix()}"'), encoding="utf-8")
    assert home.call("run", "--once").returncode == 0
    ballast = put(home.path, "ballast", b"")
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(1000)):
            pass
    for number in range(60):
        put(pos, f"{number}.xml", os.urandom(20_000))
    agent = subprocess.Popen([*MALOTE, "till", "run"], cwd=home.path, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _told(fake) == (60, ["till_disk_full"]))
        ended = look(home)
        assert ended.returncode == 4
        assert "[till_disk_full]" in ended.stdout
        ballast.unlink()
        subprocess.run(["mount", "-o", "remount,size=20m", home.path], check=True)
        wait_for(lambda: len(fake.ledger.booked) == 60)
        wait_for(lambda: _told(fake) == (0, []))
    finally:
        agent.terminate()
        agent.wait(30)
    assert look(home).returncode == 0


def _told(fake: FakeServer) -> tuple[int | None, list[str]]:
    last = fake.ledger.contacts[-1]
    return last.folder.uncaptured if last.folder else None, [one.code for one in last.troubles or ()]
