"""An installation without the libraries that only a server needs, as a till's is."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
_IMPORTED_AS = {"argon2-cffi": "argon2", "psycopg": "psycopg"}


def server_only() -> list[str]:
    """Names to import, of the libraries that only ``malote[server]`` brings."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    names = [re.split(r"[\[<>=; ]", one)[0] for one in extras["server"]]
    return [_IMPORTED_AS.get(name, name.replace("-", "_")) for name in names]


def run(*words: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """The program, where those libraries can't be found."""
    program = (
        f"import sys\nfor name in {server_only()}: sys.modules[name] = None\n"
        f"sys.argv = ['malote', *{list(words)}]\nfrom malote.cli.main import main\nmain()"
    )
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False
    )


def test_the_agent_needs_nothing_of_the_server(tmp_path: Path) -> None:
    (tmp_path / "pos").mkdir()
    (tmp_path / "malote.toml").write_text(
        f'[till]\nfolder = "{(tmp_path / "pos").as_posix()}"\n'
        'token = "mlt_none"\nserver = "http://127.0.0.1:9"\nsince = "all"\n',
        "utf-8",
    )
    once = run("till", "run", "--once", "--timeout", "0", folder=tmp_path)
    assert "Traceback" not in once.stderr
    assert once.returncode in (0, 1, 3), once.stderr
    status = run("till", "status", "--json", folder=tmp_path)
    assert status.returncode in (0, 1), status.stderr
    assert status.stdout.startswith("{")


def test_a_command_of_the_server_says_what_to_install(tmp_path: Path) -> None:
    ended = run("serve", folder=tmp_path)
    assert ended.returncode == 3
    assert "malote[server]" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_its_help_shows_what_there_is(tmp_path: Path) -> None:
    ended = run("--help", folder=tmp_path)
    assert ended.returncode == 0
    assert " till " in ended.stdout
