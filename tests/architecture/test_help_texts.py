"""What --help says in Portuguese: every text has its own, and nothing of the library's English is left."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from malote.cli.main import assemble
from malote.terminal.help_texts import in_one_line, said_in, texts_in
from malote.terminal.usage import _of_terminal

TEXTS = texts_in("pt")


def said(command: Any) -> Iterator[str]:
    for one in (command, *command.params):
        if written := getattr(one, "help", None):
            yield in_one_line(written)
    for below in getattr(command, "commands", {}).values():
        yield from said(below)


def test_every_text_has_its_portuguese_and_there_is_no_other() -> None:
    there = set(said(typer.main.get_command(assemble(None))))
    assert there - set(TEXTS) == set(), "say it in Portuguese, in malote/terminal/help_pt*.toml"
    assert set(TEXTS) - there == set(), "nobody says it any more: take it out of malote/terminal/help_pt*.toml"


@pytest.mark.parametrize("words", [("status",), ("read",), ("erp",), ("erp", "try"), ("till", "start")])
def test_a_help_is_in_one_language(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    command = typer.main.get_command(assemble(words[0]))
    said_in(command, "pt")
    command.main([*words, "--help"], prog_name="malote", standalone_mode=False)
    shown = capsys.readouterr().out
    assert "Opções:" in shown
    assert not re.search(r"Usage|Options:|OPTIONS|Commands:|Arguments:|Show this|\b(the|and|which)\b", shown)


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({}, "pt"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "C.UTF-8"}, "pt"),
        ({"LANG": "en", "LC_ALL": "pt_BR"}, "pt"),
    ],
)
def test_before_there_is_a_store_it_is_the_terminals(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], language: str
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert _of_terminal() == language
