"""`malote status --json`, or the till's own `malote till status --json`, asked again and again by a process of its own:
a look costs no start of the program."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

_ASKING = """
import contextlib, io, json, sys, time
from malote.cli.main import assemble
words = sys.argv[1:]
app = assemble(words[0])
while True:
    began, out, err = time.monotonic(), io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = app([*words, "--json"], standalone_mode=False) or 0
        except SystemExit as ended:
            code = ended.code
        except Exception as error:
            code, _ = f"{type(error).__name__}: {error}", None
    told = {"at": began, "ended": time.monotonic(), "code": code, "said": out.getvalue(), "errors": err.getvalue()}
    print(json.dumps(told), flush=True)
    time.sleep(0.3)
"""
PATIENCE = 900.0  # seconds; of a busy machine


class Look(NamedTuple):
    """``at`` is when it began, ``ended`` when it knew, by the clock that nobody sets; ``code`` is the exit status."""

    at: float
    ended: float
    code: object
    status: dict[str, Any]
    errors: str

    @property
    def green(self) -> bool:
        return self.code == 0

    @property
    def says_why(self) -> bool:
        """Whether it ended as a command ends that found something, or could not look, and told what."""
        return isinstance(self.code, int) and bool(self.codes or self.errors.strip())

    @property
    def till(self) -> dict[str, Any]:
        return dict(self.status["tills"][0]) if self.status.get("tills") else {}

    @property
    def codes(self) -> set[str]:
        """All that is told, of the store and of the till."""
        told = [*self.status.get("store", []), *self.till.get("findings", []), *self.status.get("ails", [])]
        outside = {"outside_erp"} if self.status.get("outside", {}).get("count") else set()
        return {one["code"] for one in told} | outside

    def finding(self, code: str) -> dict[str, Any]:
        told = [*self.status.get("store", []), *self.till.get("findings", [])]
        return dict(next((one for one in told if one["code"] == code), {}))


class Light:
    """Of the server whose home folder it is, or by ``words`` of the till. Ends with the block."""

    def __init__(self, home: Path, environment: dict[str, str] | None = None, words: str = "status") -> None:
        self._home, self._environment, self._words = home, environment, words.split()
        self.looks: list[Look] = []

    def __enter__(self) -> Self:
        command = [sys.executable, "-c", _ASKING, *self._words]
        self._process = subprocess.Popen(
            command, cwd=self._home, stdout=subprocess.PIPE, text=True, env=self._environment
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._thread.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            status = json.loads(told["said"]) if told["said"] else {}
            self.looks.append(Look(told["at"], told["ended"], told["code"], status, told["errors"]))

    def until(self, holds: Callable[[Look], bool], what: str) -> Look:
        """The first look that began after the call of which it holds."""
        asked, seen = time.monotonic(), len(self.looks)
        while time.monotonic() < asked + PATIENCE:
            for look in self.looks[seen:]:
                if look.at >= asked and holds(look):
                    return look
            seen = max(seen, len(self.looks) - 1)
            assert self._process.poll() is None, "the light's own process ended"
            time.sleep(0.1)
        raise AssertionError(f"{what}: it did not come about; last seen {self.looks[-1:]}")

    def go_on(self, looks: int) -> None:
        """Until it was looked at so many times more."""
        wanted = len(self.looks) + looks
        self.until(lambda _: len(self.looks) >= wanted, "looked at")

    def not_green(self) -> Look:
        """The first look from now on that isn't."""
        return self.until(lambda look: not look.green, "told")

    def proven(self, count: int) -> Look:
        """Waits until so many are posted, the till knows it, and the light is green."""

        def holds(look: Look) -> bool:
            till = look.till
            return look.green and till.get("posted", 0) + till.get("kept", 0) >= count and not till["till_unproven"]

        return self.until(holds, f"{count} proven, and green")

    def first_not_green(self, since: float) -> Look:
        """The first since that moment that was not."""
        return next(look for look in self.looks if look.at > since and not look.green)

    def never_green(self, since: float, until: float) -> list[Look]:
        """Asserts it of all looks between two moments, and that each said what is wrong. The looks."""
        between = [look for look in self.looks if since <= look.at and look.ended < until]
        green = [look for look in between if look.green]
        assert not green, (
            f"green {len(green)} of {len(between)} times, first {green[0].at - since:.1f} s after: {green[0]}"
        )
        wordless = [look for look in between if not look.says_why]
        assert not wordless, f"not green, and nothing said: {wordless[0]}"
        assert between, "nobody looked"
        return between
