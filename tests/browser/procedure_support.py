"""A small store of real processes: a server with its poster, an SQLite ERP, and a till's agent."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from malote.accounts.roles import Role
from malote.app import services_for
from malote.config import load
from tests.faces.console_support import create_user

MALOTE = (sys.executable, "-m", "malote")
ENVIRONMENT = {"PYTHONUNBUFFERED": "1"}


class Shop(NamedTuple):
    address: str
    folder: Path  # where the POS writes
    rejected: Path  # the server's folder of rejected files of this till


@contextmanager
def shop(home: Path) -> Iterator[Shop]:
    """One till, "caixa1", and a user "ana" who is an administrator."""
    server, till = home / "server", home / "till"
    folder = till / "pdv"
    folder.mkdir(parents=True)
    server.mkdir()
    (server / "malote.toml").write_text('home = "."\n[store]\nname = "Mercado Aurora"\n[erp]\nname = "Winthor"\n')
    run(server, "erp", "create")
    with services_for(load(server / "malote.toml", {})) as services:
        create_user(services, "ana", Role.ADMINISTRADOR)
    token = run(server, "till", "create", "caixa1", "--label", "Frente 1", "--json")
    with ExitStack() as stack:
        lines = stack.enter_context(running(server, "serve", "--port", "0"))
        address = re.search(r"http://\S+", lines)
        assert address is not None, lines
        secret = re.search(r'"token":\s*"([^"]+)"', token)
        assert secret is not None, token
        (till / "malote.toml").write_text(
            f'home = "."\n[till]\nserver = "{address.group()}"\ntoken = "{secret.group(1)}"\n'
            f'folder = "{folder.as_posix()}"\nquiet_seconds = 0.1\nrescan_seconds = 1.0\npoll_seconds = 0.5\n'
        )
        stack.enter_context(running(till, "till", "run"))
        yield Shop(address.group(), folder, server / "rejeitados" / "caixa1")


def run(home: Path, *arguments: str) -> str:
    ended = subprocess.run(
        [*MALOTE, *arguments], cwd=home, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    return ended.stdout


@contextmanager
def running(home: Path, *arguments: str) -> Iterator[str]:
    """A command that goes on until the end of the block; its first line."""
    with (home / "log").open("a") as log:
        process = subprocess.Popen(
            [*MALOTE, *arguments], cwd=home, env=os.environ | ENVIRONMENT, stdout=subprocess.PIPE, stderr=log, text=True
        )
        assert process.stdout is not None
        try:
            yield process.stdout.readline() if arguments[0] == "serve" else ""
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=300)
