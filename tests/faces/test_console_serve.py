"""The first start of `malote serve`: an administrator, a password told once, and a console that lets them in."""

import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from malote.accounts import users
from malote.app import services_for
from malote.config import Settings
from tests.faces.console_support import field


def first_lines(home: Path, count: int) -> tuple["subprocess.Popen[str]", list[str]]:
    command = [sys.executable, "-m", "malote", "serve", "--port", "0", "--no-posting"]
    environment = os.environ | {"MALOTE_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    with (home / "log").open("a") as log:
        process = subprocess.Popen(command, cwd=home, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    return process, [process.stdout.readline().rstrip() for _ in range(count)]


def stopped(process: "subprocess.Popen[str]") -> str:
    """What it still said before it ended."""
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=300)
    return said


def test_the_first_administrator_is_told_once_and_gets_in(tmp_path: Path) -> None:
    process, (_, address, password) = first_lines(tmp_path, 3)
    try:
        assert re.fullmatch(r"Console: http://127\.0\.0\.1:\d+/console", address)
        told = first_access(tmp_path, password)
        with httpx.Client(base_url=address.removeprefix("Console: ").removesuffix("/console")) as client:
            assert client.get("/").headers["location"] == "/console"
            form = field(client.get("/console/sign-in").text, "form")
            answer = client.post(
                "/console/sign-in", data={"form": form, "name": told.group(1), "password": told.group(2)}
            )
            assert answer.status_code == 303
            assert client.get("/console/tills").headers["location"] == "/console/password"
    finally:
        stopped(process)
    again, _ = first_lines(tmp_path, 2)
    assert "senha" not in stopped(again)
    assert (tmp_path / "primeiro-acesso.txt").exists()  # it was not changed yet
    new = "uma-senha-bem-longa"
    with services_for(Settings(home=str(tmp_path))) as services:
        user = users.get(services.engine, told.group(1))
        users.change_password(services.engine, user, told.group(2), new, address="", now=time.time())
    stopped(first_lines(tmp_path, 2)[0])
    assert not (tmp_path / "primeiro-acesso.txt").exists()


def first_access(home: Path, said: str) -> "re.Match[str]":
    """User and password, which stand in a file of their own and nowhere in what a service's journal keeps."""
    assert (
        said == f"Primeiro acesso: usuário administrador; a senha de uso único está em {home / 'primeiro-acesso.txt'}"
    )
    file = home / "primeiro-acesso.txt"
    if os.name != "nt":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    told = re.search(r"usuário (\w+), senha de uso único (\S+) ", file.read_text(encoding="utf-8"))
    assert told is not None
    assert told.group(2) not in (home / "log").read_text(encoding="utf-8")
    return told


@pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminal there")
def test_at_a_terminal_the_password_is_said_to_the_person(tmp_path: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "malote", "serve", "--port", "0", "--no-posting"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=os.environ | {"MALOTE_HOME": str(tmp_path)}, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        heard = b""
        while "senha de uso único".encode() not in heard:
            heard += os.read(ours, 1000)
        process.terminate()
        process.wait(60)
    os.close(ours)
    assert not (tmp_path / "primeiro-acesso.txt").exists()


def test_an_open_page_does_not_keep_the_server_from_stopping(tmp_path: Path) -> None:
    process, (_, address, password) = first_lines(tmp_path, 3)
    told = first_access(tmp_path, password)
    with httpx.Client(base_url=address.removeprefix("Console: ").removesuffix("/console"), timeout=30) as client:
        form = field(client.get("/console/sign-in").text, "form")
        client.post("/console/sign-in", data={"form": form, "name": told.group(1), "password": told.group(2)})
        page = client.get("/console/password").text
        new = "uma-senha-bem-longa"
        fields = {"csrf": field(page, "csrf"), "old": told.group(2), "new": new, "again": new}
        assert client.post("/console/password", data=fields).status_code == 303
        with client.stream("GET", "/console/changes", headers={"Accept": "text/event-stream"}) as stream:
            assert stream.status_code == 200
            lines = stream.iter_lines()
            assert next(line for line in lines if line) == "event: hello"
            process.send_signal(signal.SIGTERM)
            rest = list(lines)  # ends by itself, and not broken off
            assert not any("changed" in line for line in rest)
        process.communicate(timeout=300)
    assert process.returncode in (0, -signal.SIGTERM)
