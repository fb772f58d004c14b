"""Each command loads what it needs: an agent at a till has no use for a server."""

import subprocess
import sys

import pytest
import typer

from malote.cli.main import assemble
from malote.cli.pages import leaves

SERVER = {"sqlalchemy", "litestar", "alembic", "psycopg", "argon2", "uvicorn"}


def paths(word: str | None) -> set[str]:
    return {path for path, _ in leaves(typer.main.get_command(assemble(word)), "malote")}


def test_every_command_is_found_by_its_first_word() -> None:
    whole = paths(None)
    for word in {path.split()[1] for path in whole}:
        within = {path for path in whole if path.split()[1] == word}
        assert within <= paths(word), word


@pytest.mark.parametrize("word", ["", "--help", "no-such-command"])
def test_any_other_word_gets_the_whole(word: str) -> None:
    assert paths(word) == paths(None)


def test_the_agent_at_a_till_loads_no_server() -> None:
    program = (
        "import sys; from malote.cli.main import assemble; assemble('till'); import malote.till.agent;"
        " print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not SERVER & set(loaded.stdout.split())
    assert "lxml" in loaded.stdout
