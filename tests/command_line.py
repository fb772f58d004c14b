"""Commands as a person types them, in this process: to start Python and load the program costs ten times what most do.

For what a command does, says and ends with. Where the process itself is looked at (what it loads, its signals, its
death), or it must work beside the test, start one (``MALOTE``).
"""

import io
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest
import structlog

from malote.cli.main import assemble
from malote.terminal import store_clock, usage
from malote.terminal.output import console, errors

MALOTE = (sys.executable, "-c", "from malote.cli.main import main; main()")


class Ended(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def malote(folder: Path, *words: str, columns: int = 80, **environment: str) -> Ended:
    """``malote`` with these words in that folder as into a pipe; ``environment`` for this call alone."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with chdir(folder), _at_terminal(columns, environment), redirect_stdout(out), redirect_stderr(err):
        # Each process begins without a clock, and without a log that another test had set up for itself.
        store_clock.unset()
        structlog.reset_defaults()
        with pytest.raises(SystemExit) as ended:
            usage.run(assemble(words[0]), words)
    status = ended.value.code
    return Ended(status if isinstance(status, int) else 0, _written(out), _written(err))


@contextmanager
def _at_terminal(columns: int, environment: dict[str, str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for terminal in (console, errors):
            patch.setattr(terminal, "_width", columns)  # the width itself, put back, would stay for ever
        for name, value in environment.items():
            patch.setenv(name, value)
        yield


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
