"""A wrong call is said in the language of the settings."""

import sqlite3
from pathlib import Path

import pytest
import typer

from malote.cli import main as program
from malote.terminal.usage import in_portuguese, run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nada"], "malote: Não há comando 'nada'."),
        (["rejected", "lsit"], "Não há comando 'lsit'. Seria"),
        (["status", "--nada"], "malote: Não há opção --nada."),
        (["read"], "malote: Falta 'FILE'."),
        (["demo", "--sales", "x"], "não é um número inteiro."),
        (["status", "--config"], "malote: A opção '--config' pede um valor."),
        (["status", "a", "b"], "malote: Sobra na linha: a b"),
    ],
)
def test_in_portuguese_unless_the_settings_say_english(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MALOTE_CONFIG", raising=False)
    monkeypatch.setattr("sys.argv", ["malote", *words])
    with pytest.raises(SystemExit) as ended:
        program.main()
    shown = capsys.readouterr().err
    assert ended.value.code == 2
    assert said in shown
    assert not {"Usage:", "Error:", "Try "} & set(shown.split())


def test_in_english_where_the_settings_say_so_and_help_stays_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "en.toml").write_text('language = "en"\n', encoding="utf-8")
    for words, said in (
        (["status", "--nada", "-c", str(tmp_path / "en.toml")], "No such option"),
        ([], "Usage: malote"),
    ):
        monkeypatch.setenv("LC_ALL", "en_US.UTF-8")  # no settings say which
        monkeypatch.setattr("sys.argv", ["malote", *words])
        with pytest.raises(SystemExit) as ended:
            program.main()
        assert ended.value.code == 2
        shown = capsys.readouterr()
        assert said in shown.out + shown.err


@pytest.mark.parametrize(
    ("english", "portuguese"),
    [
        (
            "Invalid value for '--day': 'x' is not one of 'a', 'b'.",
            "Não serve em '--day': 'x' não é nenhum destes: 'a', 'b'.",
        ),
        ("Invalid value for '--rate': 0 is not in the range 0<x<=5.", "Não serve em '--rate': 0 está fora de 0<x<=5."),
        ("Invalid value for 'FILE': File 'a b' does not exist.", "Não serve em 'FILE': 'a b' não existe."),
        ("Invalid value: a reason is needed", "Não serve: falta o motivo"),
        ("Missing command.", "Falta o comando."),
        ("Of a later version.", "Of a later version."),
    ],
)
def test_what_the_library_may_say(english: str, portuguese: str) -> None:
    assert in_portuguese(english) == portuguese


def test_a_number_that_no_database_has_room_for_is_a_wrong_call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app = typer.Typer()

    @app.command()
    def show(number: int) -> None:
        with sqlite3.connect(":memory:") as connection:
            connection.execute("SELECT ?", (number,))

    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    with pytest.raises(SystemExit) as ended:
        run(app, ["9" * 30])
    assert (ended.value.code, capsys.readouterr().err) == (2, "malote: A number in this line is too large.\n")
