"""Each command loads what it needs: an agent at a till has no use for a server."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from malote.app import services_for
from malote.cli.main import assemble
from malote.cli.pages import leaves
from malote.config import Settings

MOST_MODULES = 660  # with Python's own; 560 to 603 on 28 November 2026
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


@pytest.mark.parametrize("words", [("status",), ("rejected", "list"), ("books", "board")])
def test_a_command_that_only_shows_loads_little(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Loading is nearly all that such a command costs."""
    (tmp_path / "malote.toml").write_text('home = "."\n', encoding="utf-8")
    with services_for(Settings(home=str(tmp_path))):
        pass  # a store that is there
    program = (
        f"import sys, atexit; sys.argv = ['malote', *{words!r}]\n"
        "atexit.register(lambda: print('LOADED', *sys.modules))\n"
        "from malote.cli.main import main; main()"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    loaded = ended.stdout.partition("LOADED")[2].split()
    assert "sqlalchemy" in loaded
    assert not {"litestar", "alembic", "psycopg", "uvicorn", "lxml", "apprise", "oracledb", "pymysql"} & set(loaded)
    assert len(loaded) < MOST_MODULES
