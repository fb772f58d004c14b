"""The demo's processes: started again when they die, stopped when asked, and never left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from malote.demo import processes
from malote.demo.processes import Crew, ProcessFailedError, Program

pytestmark = pytest.mark.processes

SLEEPER = Program("sleeper", ("import time; time.sleep(600)",))
DEAF = Program(
    "deaf",
    ("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)",),
)
SHORT = Program("short", ("pass",))


@pytest.fixture
def crew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crew]:
    """Runs Python programs in place of Malote's commands."""
    monkeypatch.setattr(processes, "command", lambda arguments: [sys.executable, "-c", *arguments])
    with Crew(tmp_path) as started:
        yield started


def wait_until(true: Callable[[], bool], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_was_killed_is_started_again(crew: Crew) -> None:
    crew.start(SLEEPER)
    first = crew.pid("sleeper")
    assert crew.restart_the_dead() == []
    crew.kill("sleeper")
    assert not psutil.pid_exists(first)
    assert crew.restart_the_dead() == ["sleeper"]
    assert psutil.pid_exists(crew.pid("sleeper"))
    assert crew.pid("sleeper") != first


def test_stopping_ends_all_and_kills_what_does_not_listen(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_STOP_SECONDS", 1.0)
    for program in (SLEEPER, DEAF):
        crew.start(program)
    pids = [crew.pid("sleeper"), crew.pid("deaf")]
    wait_until(lambda: crew.log("deaf").read_text() == "1\n")
    assert crew.stop() == ["deaf"]
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_a_program_that_keeps_ending_is_given_up(crew: Crew) -> None:
    crew.start(SHORT)
    with pytest.raises(ProcessFailedError, match=r"short\.log"):
        wait_until(lambda: crew.restart_the_dead() == ["never"])


def test_settings_of_another_malote_do_not_reach_the_children(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALOTE_SERVER_PORT", "1")
    crew.start(Program("teller", ("import os; print([n for n in os.environ if n[:6] == 'MALOTE'])",)))
    wait_until(lambda: crew.log("teller").read_text() == "[]\n")


@pytest.mark.skipif(os.name == "nt", reason="kills by signal")
def test_when_the_demo_is_killed_its_children_end(tmp_path: Path) -> None:
    settings = tmp_path / "malote.toml"
    settings.write_text('home = "."\n[server]\nport = 0\nposting = false\n')
    program = (
        "import pathlib, sys, time\n"
        "from malote.demo.processes import Crew, Program\n"
        "crew = Crew(pathlib.Path(sys.argv[1]))\n"
        "crew.start(Program('server', ('serve', '--config', sys.argv[2])))\n"
        "print(crew.pid('server'), flush=True)\n"
        "time.sleep(600)\n"
    )
    arguments = [sys.executable, "-c", program, str(tmp_path), str(settings)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as demo:
        assert demo.stdout is not None
        server = int(json.loads(demo.stdout.readline()))
        try:
            wait_until(lambda: "http://" in (tmp_path / "server.log").read_text())
            demo.send_signal(signal.SIGKILL)
            demo.wait()
            wait_until(lambda: not psutil.pid_exists(server))
        finally:
            demo.kill()
            if psutil.pid_exists(server):
                os.kill(server, signal.SIGKILL)
    log = (tmp_path / "server.log").read_text()
    assert "Fatal" not in log
    assert "Parado." in log
