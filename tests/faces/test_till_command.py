"""`malote till run --once` and `malote till status`, as a person types them."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from malote import wire
from malote.wire import PouchLimits
from tests.faces.till_support import FakeServer, Ledger, says, serving
from tests.unit.fiscal.notes import build_note
from tests.unit.till_support import put

MALOTE = (sys.executable, "-c", "from malote.cli.main import main; main()")


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    with serving(Ledger()) as server:
        yield server


class Home:
    """A till's home folder with its settings."""

    def __init__(self, path: Path, address: str) -> None:
        self.path = path
        (path / "pos").mkdir()
        lines = ['language = "en"', "[till]", f'server = "{address}"', 'folder = "pos"', 'token = "t"']
        lines += ["quiet_seconds = 0.0", "poll_seconds = 0.1"]
        (path / "malote.toml").write_text("\n".join(lines), encoding="utf-8")

    def call(self, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*MALOTE, "till", *words],
            cwd=self.path,
            env=os.environ | {"COLUMNS": "200"} | environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    def status(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.call("status", "--json").stdout)
        return said


@pytest.fixture
def home(tmp_path: Path, fake: FakeServer) -> Home:
    return Home(tmp_path, fake.url)


def test_once_ends_with_0_when_all_is_proven(home: Home) -> None:
    put(home.path / "pos", "a.xml", b"sale")
    ended = home.call("run", "--once")
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
    assert "till.folder" in home.call("status", MALOTE_TILL_FOLDER="").stdout
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
