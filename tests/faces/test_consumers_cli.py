"""``malote consumers``: who is told of sales, as a person at the server sees it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from malote.app import services_for
from malote.cli.main import assemble
from malote.config import load
from malote.consumers import example
from malote.tills.till import create_till
from tests.faces import consumer_support as support


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "malote.toml").write_text('language = "en"\n[consumers]\nprivate_addresses = true\n', encoding="utf-8")
    with services_for(load(tmp_path / "malote.toml", {})) as services:
        till, _ = create_till(services.engine, example.TILL)
        support.book(services, till, [support.EXAMPLE])
    return tmp_path


def malote(home: Path, *words: str, status: int = 0) -> str:
    result = CliRunner().invoke(assemble(words[0]), [*words, "--config", str(home / "malote.toml")])
    assert result.exit_code == status, result.output
    return result.output


def told(home: Path, *words: str, status: int = 0) -> Any:
    return json.loads(malote(home, *words, "--json", status=status))


def test_a_consumer_from_first_to_last(home: Path) -> None:
    assert "No consumers" in malote(home, "consumers", "list")
    token = told(home, "consumers", "add", "bi")["token"]
    assert token.startswith("c1.")
    secret = told(home, "consumers", "add", "hook", "--webhook", "http://127.0.0.1:9/x", "--personal")["token"]
    assert secret.startswith("whsec_")
    assert told(home, "consumers", "add", "disk", "--folder", str(home / "out"))["token"] == ""
    assert "consumer_exists" in malote(home, "consumers", "add", "BI", status=3)
    bi, disk, hook = told(home, "consumers", "list")
    assert (bi["kind"], bi["behind"], bi["scopes"]) == ("pull", 1, ["read"])
    assert (hook["behind"], hook["scopes"]) == (0, ["read", "personal"])
    assert disk["address"] == str((home / "out").resolve())
    assert told(home, "consumers", "token", "bi")["token"] not in (token, "")
    assert "0 refused" in malote(home, "consumers", "retry", "hook")
    assert "revoked" in malote(home, "consumers", "revoke", "bi")
    assert told(home, "consumers", "list")[0]["revoked"] is True
    assert secret not in malote(home, "consumers", "list") + malote(home, "audit", "list", "--json")
    trail = malote(home, "audit", "list", "--json")
    for action in ("consumer_added", "consumer_key_renewed", "consumer_retried", "consumer_revoked"):
        assert action in trail


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("add", "x", "--webhook", "ftp://x"), 3, "webhook_address_invalid"),
        (("add", "a b"), 3, "consumer_name_invalid"),
        (("add", "x", "--webhook", "https://x/", "--folder", "y"), 2, "one of them"),
        (("revoke", "nobody"), 3, "consumer_unknown"),
        (("log", "nobody"), 3, "consumer_unknown"),
        (("retry", "nobody"), 3, "consumer_unknown"),
    ],
)
def test_what_it_can_t_do_is_said(home: Path, words: tuple[str, ...], status: int, code: str) -> None:
    assert code in malote(home, "consumers", *words, status=status)


def test_the_log_tells_what_each_got(home: Path) -> None:
    malote(home, "consumers", "add", "bi")
    with services_for(load(home / "malote.toml", {})) as services:
        (consumer,) = services.consumers.listed()
        services.consumers.pull(consumer, "", 10)
    (entry,) = told(home, "consumers", "log", "bi")
    assert (entry["what"], entry["first"], entry["last"], entry["count"]) == ("pulled", 1, 1, 1)
    assert told(home, "consumers", "log", "bi", "--key", support.EXAMPLE.access_key) == [entry]
    assert told(home, "consumers", "log", "bi", "--key", "1" * 44) == []
    assert "pulled" in malote(home, "consumers", "log", "bi")
