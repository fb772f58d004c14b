"""``malote locks``: its output, its questions and its exit status, on a real PostgreSQL."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from malote.cli.main import assemble
from tests.engines.locks_support import DBA, People, Person

pytest_plugins = ["tests.engines.locks_fixtures"]

PASSWORD = DBA.reveal() + "\n"
HOLD = "LOCK TABLE stock IN EXCLUSIVE MODE"
REASON = "vendas paradas"


@pytest.fixture
def config(tmp_path: Path, erp_address: str) -> Path:
    return settings(tmp_path, erp_address)


@pytest.fixture
def blocker(people: People) -> Person:
    holder = people.holding(HOLD)
    people.person("outro").tries("UPDATE stock SET quantity = 0")
    return holder


def settings(home: Path, erp_url: str) -> Path:
    file = home / "malote.toml"
    file.write_text(f"[erp]\nurl = {json.dumps(erp_url)}\n[locks]\ngrace_seconds = 0.2\n", encoding="utf-8")
    return file


def run(config: Path, *arguments: str, given: str = PASSWORD) -> Result:
    return CliRunner().invoke(
        assemble(), ["locks", *arguments, "--config", str(config)], input=given, env={"COLUMNS": "80"}
    )


@pytest.mark.postgresql
def test_the_list_says_who_blocks(config: Path, people: People, blocker: Person) -> None:
    listed = until_blocked(config)
    root = next(one for one in listed["sessions"] if one["root"])
    assert (root["session"], root["user"], root["program"], root["killable"]) == (
        blocker.key,
        "gerente",
        "retaguarda",
        True,
    )
    assert (root["objects"], root["sql"], root["sessions_behind"]) == (["stock"], HOLD, 1)
    shown = run(config, "list", "--user", DBA.user)
    assert shown.exit_code == 1
    assert blocker.key in shown.output
    assert all(len(line) <= 80 for line in shown.output.splitlines())
    assert DBA.reveal() not in shown.output


@pytest.mark.postgresql
def test_with_nobody_in_the_way_it_says_so(config: Path) -> None:
    shown = run(config, "list", "--user", DBA.user)
    assert (shown.exit_code, shown.output.strip()) == (0, "Ninguém bloqueia ninguém.")


@pytest.mark.postgresql
def test_a_session_is_ended_and_the_next_one_shown(config: Path, blocker: Person) -> None:
    until_blocked(config)
    tried = run(config, "kill", blocker.key, "--reason", REASON, "--user", DBA.user, "--dry-run", "--json")
    assert json.loads(tried.output)["killed"][0]["outcome"] == "planned"
    killed = run(config, "kill", blocker.key, "--reason", REASON, "--user", DBA.user, "--yes", "--json")
    assert killed.exit_code == 0, killed.output
    answer = json.loads(killed.output)
    assert [(one["session"], one["outcome"]) for one in answer["killed"]] == [(blocker.key, "ended")]
    again = run(config, "kill", answer["killed"][0]["token"], "--reason", REASON, "--user", DBA.user, "--yes")
    assert (again.exit_code, again.output.splitlines()[0]) == (0, f"{blocker.key}: já tinha terminado")


@pytest.mark.postgresql
def test_what_can_not_be_done_is_said(config: Path, blocker: Person) -> None:
    listed = until_blocked(config)
    waiter = next(one["session"] for one in listed["sessions"] if not one["root"])
    for arguments, given, status, code in (
        (("kill", waiter, "--reason", REASON, "--yes"), PASSWORD, 3, "session_no_root"),
        (("kill", "0", "--reason", REASON, "--yes"), PASSWORD, 3, "session_unknown"),
        (("kill", blocker.key, "--reason", " ", "--yes"), PASSWORD, 3, "lock_reason_needed"),
        (("kill", blocker.key, "--reason", REASON), PASSWORD, 2, "--yes"),
        (("kill", blocker.key, "--reason", REASON, "--yes"), "errada\n", 3, "dba_login_refused"),
        (("list",), "", 3, "dba_login_refused"),
    ):
        result = run(config, *arguments, "--user", DBA.user, given=given)
        assert (result.exit_code, code in result.output) == (status, True), result.output
        assert "Traceback" not in result.output
    assert blocker.connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.postgresql
def test_without_a_user_and_a_terminal_it_is_wrong_usage(config: Path) -> None:
    assert run(config, "list").exit_code == 2


def test_sqlite_has_no_sessions(tmp_path: Path) -> None:
    (tmp_path / "erp.sqlite3").touch(mode=0o600)  # else it would be told that others could read it
    with closing(sqlite3.connect(tmp_path / "erp.sqlite3", isolation_level=None)) as writer:
        writer.execute("CREATE TABLE t (x)")
        config = settings(tmp_path, "")
        free = run(config, "list", given="")
        writer.execute("BEGIN IMMEDIATE")
        busy = run(config, "list", given="")
        kill = run(config, "kill", "1@2026-01-01T00:00:00+00", "--reason", REASON, "--yes", given="")
    assert (free.exit_code, free.output.strip()) == (0, "Este banco não tem sessões; a escrita está livre.")
    assert busy.exit_code == 1
    assert "com outro programa" in busy.output
    assert (kill.exit_code, "sessions_unsupported" in kill.output) == (3, True)


def until_blocked(config: Path) -> dict[str, list[dict[str, object]]]:
    for _ in range(100):
        listed: dict[str, list[dict[str, object]]] = json.loads(
            run(config, "list", "--json", "--user", DBA.user).output
        )
        if any(one["root"] for one in listed["sessions"]):
            return listed
    raise AssertionError("nobody blocks anybody")
