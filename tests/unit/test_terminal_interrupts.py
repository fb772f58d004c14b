"""Whatever asks a command for its end, it ends as at Ctrl-C, and takes along what it started."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from typer.testing import CliRunner

from malote.cli import demo_laboratory
from malote.cli.main import assemble
from malote.terminal.interrupts import ending_like_ctrl_c


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_like_ctrl_c_and_its_handler_is_given_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), ending_like_ctrl_c():
        signal.raise_signal(number)
    assert signal.getsignal(number) == before


def test_a_laboratory_that_is_told_to_end_ends_its_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = []

    class Tried:
        def settle(self) -> bool:
            signal.raise_signal(signal.SIGTERM)
            return True

    @contextmanager
    def demo() -> Iterator[Tried]:
        try:
            yield Tried()
        finally:
            ended.append(True)

    monkeypatch.setattr(demo_laboratory, "_demo", demo)
    result = CliRunner().invoke(assemble(), ["demo", "laboratory", "--only", "gap"])
    assert ended
    assert result.exit_code == 3
    assert "stopped; 0/1 tried" in result.output
