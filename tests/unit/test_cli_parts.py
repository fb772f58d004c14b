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

MOST_MODULES = 620  # with Python's own; 525 to 565 on 28 November 2026
# What no command needs that only shows: servers, drivers, other dialects, the log's library and what colours traces.
NEVER = {
    *("litestar", "alembic", "psycopg", "uvicorn", "lxml", "apprise", "oracledb", "pymysql", "httpx", "cryptography"),
    *("structlog", "pygments", "sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.mysql", "malote.fiscal.reader"),
}
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


def loaded_by(home: Path, *words: str) -> set[str]:
    program = (
        f"import sys, atexit; sys.argv = ['malote', *{words!r}]\n"
        "atexit.register(lambda: print('LOADED', *sys.modules))\n"
        "from malote.cli.main import main; main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=home, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return set(ended.stdout.partition("LOADED")[2].split())


@pytest.mark.parametrize("words", [("status",), ("rejected", "list"), ("books", "board"), ("locks", "list")])
def test_a_command_that_only_shows_loads_little(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Loading is nearly all that such a command costs."""
    (tmp_path / "malote.toml").write_text('home = "."\n', encoding="utf-8")
    with services_for(Settings(home=str(tmp_path))):
        pass  # a store that is there
    loaded = loaded_by(tmp_path, *words)
    assert "sqlalchemy" in loaded
    assert not NEVER & loaded
    assert words[0] == "locks" or "malote.erp.mapping" not in loaded, "nobody asks the ERP"
    assert len(loaded) < MOST_MODULES


def test_looking_at_a_till_loads_neither_its_agent_nor_a_reader(tmp_path: Path) -> None:
    settings = 'home = "."\n[till]\nserver = "http://127.0.0.1:1"\ntoken = "1.x"\nfolder = "."\n'
    (tmp_path / "malote.toml").write_text(settings, encoding="utf-8")
    loaded = loaded_by(tmp_path, "till", "status")
    assert "malote.till.status" in loaded
    assert not (NEVER | SERVER | {"malote.till.agent", "malote.till.courier", "malote.till.capture"}) & loaded
