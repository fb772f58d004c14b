"""The demo's processes: the same commands a store would run, each with a log of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

# A Ctrl-C in the terminal is for the demo, which then ends its processes in order.
if sys.platform == "win32":
    _OWN_GROUP, _OWN_GROUP_ON_WINDOWS = None, subprocess.CREATE_NEW_PROCESS_GROUP
else:
    _OWN_GROUP, _OWN_GROUP_ON_WINDOWS = 0, 0

_STOP_SECONDS = 20.0
# A process that dies at once, again and again, has a fault that starting it does not cure.
_SHORT_LIFE_SECONDS = 3.0
_MOST_SHORT_LIVES = 5


class ProcessFailedError(Exception):
    """A process of the demo can't be kept running; names its log."""


class Program(msgspec.Struct, frozen=True):
    """One ``malote`` command."""

    name: str
    arguments: tuple[str, ...]
    environment: dict[str, str] = {}


class _Running(msgspec.Struct):
    program: Program
    process: subprocess.Popen[bytes]
    since: float
    short_lives: int = 0


class Crew:
    """Starts programs, starts again those that died, and stops them all. For one thread."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: dict[str, _Running] = {}

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, program: Program) -> None:
        self._running[program.name] = _Running(program, self._spawn(program), time.monotonic())

    def pid(self, name: str) -> int:
        return self._running[name].process.pid

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def restart_the_dead(self) -> list[str]:
        """Starts again what ended without being asked to; returns the names. Raises ``ProcessFailedError``."""
        dead = [running for running in self._running.values() if running.process.poll() is not None]
        for running in dead:
            self._close(running)
            lived = time.monotonic() - running.since
            running.short_lives = running.short_lives + 1 if lived < _SHORT_LIFE_SECONDS else 0
            if running.short_lives >= _MOST_SHORT_LIVES:
                raise ProcessFailedError(f"{running.program.name} keeps ending; see {self.log(running.program.name)}")
            running.process = self._spawn(running.program)
            running.since = time.monotonic()
        return [running.program.name for running in dead]

    def halt(self, name: str, *, kill: bool = False) -> None:
        """Ends a process for good: ``restart_the_dead`` leaves it alone until it is started anew."""
        running = self._running.pop(name, None)
        if running is None:
            return
        if kill:
            running.process.kill()
        else:
            _ask_to_end(running.process)
        try:
            running.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            running.process.kill()
            running.process.wait()
        self._close(running)

    def kill(self, name: str) -> None:
        """Ends a process as a power cut would (kill -9); ``restart_the_dead`` finds it."""
        process = self._running[name].process
        process.kill()
        process.wait()

    def stop(self) -> list[str]:
        """Asks all to end, in the reverse order of their start, and waits; returns the names that had to be killed."""
        killed = []
        for running in reversed(self._running.values()):
            _ask_to_end(running.process)
        deadline = time.monotonic() + _STOP_SECONDS
        for running in reversed(self._running.values()):
            try:
                running.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                running.process.kill()
                running.process.wait()
                killed.append(running.program.name)
            self._close(running)
        self._running.clear()
        return killed

    def _spawn(self, program: Program) -> subprocess.Popen[bytes]:
        with self.log(program.name).open("ab") as log:
            return subprocess.Popen(
                command(program.arguments),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**_environment(), **program.environment},
                creationflags=_OWN_GROUP_ON_WINDOWS,
                process_group=_OWN_GROUP,
            )

    def _close(self, running: _Running) -> None:
        if running.process.stdin:
            running.process.stdin.close()


def command(arguments: Sequence[str]) -> list[str]:
    """The argument list that runs ``malote`` as this process' child."""
    return [sys.executable, "-m", "malote.demo.child", *arguments]


def _environment() -> dict[str, str]:
    """Ours, without settings of another Malote: the demo's own file says it all."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MALOTE_")}


def _ask_to_end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    if sys.platform == "win32":
        process.send_signal(signal.CTRL_BREAK_EVENT)
    else:
        process.terminate()
