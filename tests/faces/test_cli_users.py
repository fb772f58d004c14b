"""``malote user`` and ``malote audit``."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from malote.accounts import audit, sessions, users
from malote.accounts.roles import Role
from malote.cli import users as user_commands
from malote.cli.main import assemble
from malote.database.engine import open_database
from malote.terminal.command import FAILED, FOUND, OK, WRONG_USAGE
from malote.terminal.output import console

PASSWORD = "três gatos no telhado"
OTHER_PASSWORD = "quatro cães na varanda"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MALOTE_HOME", str(tmp_path))
    monkeypatch.setenv("MALOTE_LANGUAGE", "en")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def run(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(assemble(), list(arguments), input=given)


def run_json(*arguments: str, given: str | None = None) -> Any:
    result = run(*arguments, "--json", given=given)
    assert result.exit_code == OK, result.output
    return json.loads(result.stdout)


def create(name: str = "maria", role: str = "suporte") -> None:
    result = run("user", "create", name, "--role", role, given=PASSWORD + "\n")
    assert result.exit_code == OK, result.output


def test_a_user_is_created_with_a_password_from_standard_input(home: Path) -> None:
    created = run_json("user", "create", "Maria", "--role", "dba", "--display-name", "Maria Silva", given=PASSWORD)
    assert (created["name"], created["display_name"], created["role"]) == ("maria", "Maria Silva", "dba")
    assert created["must_change_password"] is True
    assert [user["name"] for user in run_json("user", "list")] == ["maria"]


def test_a_one_time_password_is_printed_once_and_works(home: Path) -> None:
    one_time = run_json("user", "create", "maria", "--role", "dba", "--generate")["one_time_password"]
    engine = open_database(f"sqlite:///{home / 'store.sqlite3'}")
    assert users.sign_in(engine, "maria", one_time, address="", now=1e9).user.must_change_password
    engine.dispose()
    assert one_time not in run("user", "list", "--json").output
    assert one_time not in run("audit", "list", "--json").output


def test_a_password_is_never_an_argument() -> None:
    for name, command in typer.main.get_command(assemble()).commands["user"].commands.items():  # type: ignore[attr-defined]
        options = {option for parameter in command.params for option in parameter.opts}
        assert "--password" not in options, name


def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def prompt(_text: str, **options: Any) -> str:
        asked.append(options)
        return PASSWORD

    monkeypatch.setattr(typer, "prompt", prompt)
    monkeypatch.setattr(user_commands, "at_terminal", lambda: True)
    assert run("user", "create", "maria", "--role", "dba").exit_code == OK
    assert [(options["hide_input"], options["confirmation_prompt"]) for options in asked] == [(True, True)]


@pytest.mark.parametrize(
    ("arguments", "given", "code"),
    [
        (("create", "maria", "--role", "dba"), "short\n", "password_too_short"),
        (("create", "maria", "--role", "dba"), "", "password_too_short"),
        (("create", "../maria", "--role", "dba"), PASSWORD, "user_name_invalid"),
        (("create", "chefe", "--role", "dba"), PASSWORD, "user_exists"),
        (("password", "ninguem"), PASSWORD, "user_unknown"),
        (("role", "ninguem", "dba"), None, "user_unknown"),
        (("disable", "chefe"), None, "last_administrator"),
        (("role", "chefe", "dba"), None, "last_administrator"),
        (("enable", "ninguem"), None, "user_unknown"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_reason(
    home: Path, arguments: tuple[str, ...], given: str | None, code: str
) -> None:
    create("chefe", "administrador")
    result = run("user", *arguments, given=given)
    assert result.exit_code == FAILED
    assert f"[{code}]" in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_an_unknown_role_is_wrong_usage(home: Path) -> None:
    assert run("user", "create", "maria", "--role", "root", given=PASSWORD).exit_code == WRONG_USAGE
    assert run("user", "role", "maria", "root").exit_code == WRONG_USAGE


def test_changes_end_sessions_and_are_audited_as_the_systems_user(home: Path) -> None:
    create()
    engine = open_database(f"sqlite:///{home / 'store.sqlite3'}")
    token = users.sign_in(engine, "maria", PASSWORD, address="10.0.0.1", now=1e9).session_token
    assert run("user", "role", "maria", "dba", "--reason", "plantão").exit_code == OK
    assert sessions.find(engine, token, now=1e9) is None
    assert users.get(engine, "maria").role is Role.DBA
    entry = audit.entries(engine, action="user_role_changed")[0]
    assert entry.actor.startswith("cli:")
    assert entry.reason == "plantão"
    assert entry.address
    assert run_json("user", "disable", "maria")["disabled"] is True
    assert run_json("user", "enable", "maria")["disabled"] is False
    assert run("user", "password", "maria", given=OTHER_PASSWORD).exit_code == OK
    done = [one.action for one in audit.entries(engine, limit=3)]
    assert done == ["user_password_set", "user_enabled", "user_disabled"]
    assert users.sign_in(engine, "maria", OTHER_PASSWORD, address="10.0.0.1", now=1e9).user.must_change_password
    engine.dispose()


def test_the_tables_show_what_people_typed_as_text(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_width", 200)  # the width itself, put back, would stay for ever
    name = "[red]Maria[/red] \x1b[31m<b>"
    assert run("user", "create", "maria", "--role", "dba", "--display-name", name, given=PASSWORD).exit_code == OK
    for command in (("user", "list"), ("audit", "list")):
        output = run(*command).output
        assert "[red]Maria[/red]" in output
        assert "\x1b" not in output


def test_the_trail_is_listed_and_filtered(home: Path) -> None:
    create("maria")
    create("jose")
    run("user", "disable", "jose", "--reason", "férias")
    listed = run_json("audit", "list")
    assert [(entry["action"], entry["object"]) for entry in listed] == [
        ("user_disabled", "user:jose"),
        ("user_created", "user:jose"),
        ("user_created", "user:maria"),
    ]
    assert [entry["id"] for entry in run_json("audit", "list", "--on", "user:jose", "--action", "user_created")] == [2]
    assert [entry["id"] for entry in run_json("audit", "list", "--limit", "1", "--before", "3")] == [2]
    assert run_json("audit", "list", "--user", "nobody") == []
    assert "férias" in run("audit", "list").output


def test_the_trail_is_verified_and_a_head_noted_earlier_holds(home: Path) -> None:
    create()
    head = run_json("audit", "verify")["head"]
    create("jose")
    assert run("audit", "verify", "--head", head).exit_code == OK
    assert run("audit", "verify", "--head", "1:" + "0" * 64).exit_code == FOUND
    nonsense = run("audit", "verify", "--head", "nonsense")
    assert (nonsense.exit_code, "a head is written NUMBER:HASH" in nonsense.output) == (WRONG_USAGE, True)


def test_a_trail_that_was_tampered_with_is_said(home: Path) -> None:
    create()
    with sqlite3.connect(home / "store.sqlite3") as connection:
        connection.execute("DROP TRIGGER audit_entry_no_update")
        connection.execute("UPDATE audit_entry SET actor = 'somebody else'")
    connection.close()
    result = run("audit", "verify", "--json")
    assert result.exit_code == FOUND
    said = json.loads(result.stdout)
    assert (said["whole"], said["broken"]) == (False, {"entry_id": 1, "problem": "altered"})
    assert "tampered" in result.stderr


@pytest.mark.parametrize("url", ["mysql://root:s3cret@localhost/x", "nonsense s3cret", "sqlite://"])
def test_a_database_that_cannot_be_a_stores_is_wrong_usage(
    home: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("MALOTE_DATABASE_URL", url)
    result = run("user", "list")
    assert result.exit_code == WRONG_USAGE
    assert "database.url" in result.output
    assert "s3cret" not in result.output


def test_a_database_that_is_away_is_said_with_its_reason(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALOTE_DATABASE_URL", "postgresql://malote@127.0.0.1:1/malote")
    result = run("audit", "list")
    assert result.exit_code == FAILED
    assert "[store_away]" in result.output
