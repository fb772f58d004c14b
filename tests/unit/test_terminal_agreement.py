"""Yes and no as they are typed in either language, and nobody there to type."""

import pytest
import typer
from typer.testing import CliRunner

from malote.bilingual import Bilingual
from malote.terminal.agreement import agree_or_end
from malote.terminal.command import FAILED, OK, WRONG_USAGE

QUESTION = Bilingual("Encerrar?", "End it?")


@pytest.mark.parametrize(
    ("typed", "status"),
    [
        *((f"{word}\n", OK) for word in ("s", "S", " sim ", "y", "yes")),
        *((f"{word}\n", FAILED) for word in ("", "n", "Não", "no")),
        ("talvez\ns\n", OK),
        ("", WRONG_USAGE),
    ],
)
def test_a_question_at_the_terminal(typed: str, status: int) -> None:
    app = typer.Typer()
    app.command()(lambda: agree_or_end(QUESTION, "pt"))
    found = CliRunner().invoke(app, input=typed)
    assert found.exit_code == status
    assert "Encerrar? [s/N]" in found.output
    assert ("--yes" in found.output) == (status == WRONG_USAGE)
