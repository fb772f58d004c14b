"""An outbox, a courier with a clock in hand, and a server."""

from pathlib import Path
from typing import Any

import pytest

from malote.config import TillSettings
from malote.till.courier import Courier
from malote.till.outbox import Outbox
from malote.till.server_client import ServerClient
from tests.faces.till_support import (
    FakeServer,
)
from tests.unit.till_support import Clock, Ears, captured, till_settings


def courier_on(
    clock: Clock, outbox: Outbox, server: ServerClient, settings: TillSettings, ears: Ears | None = None, **others: Any
) -> Courier:
    """One whose times are the clock's, and whose waits are no matter of chance."""
    given: dict[str, Any] = {"ask_for_rescan": lambda: None, "dice": lambda: 1.0} | others
    return Courier(outbox, server, settings, (ears or Ears()).voice, monotonic=clock, now=clock, **given)


class Line:
    """An outbox, a courier with a clock in hand, and a server."""

    def __init__(self, tmp_path: Path, courier_server: FakeServer, **settings: Any) -> None:
        self.fake = courier_server
        self.ledger = courier_server.ledger
        self.outbox = Outbox(tmp_path / "outbox.sqlite3")
        self.clock = Clock(10_000.0)
        self.ears = Ears()
        self.rescans = 0
        self.settings = till_settings(tmp_path, server=courier_server.url, **settings)
        self.server = ServerClient(courier_server.url, "token")
        self.begin()

    def begin(self) -> None:
        self.courier = courier_on(
            self.clock, self.outbox, self.server, self.settings, self.ears, ask_for_rescan=self.rescan, dice=lambda: 0.0
        )

    def rescan(self) -> None:
        self.rescans += 1

    def put(self, *contents: bytes) -> None:
        self.outbox.capture([captured(content) for content in contents], at=self.clock())

    def step(self) -> float:
        wait = self.courier.step()
        self.clock.pass_by(wait)
        return wait

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.step()

    def until_quiet(self, most: int = 300) -> int:
        """Steps until nothing is to be sent and nothing unproven; returns how many it took."""
        for taken in range(most):
            counts = self.outbox.unproven()
            if not counts.captured and not counts.accepted:
                return taken
            self.step()
        pytest.fail(f"not quiet after {most} steps: {self.outbox.counts()}")

    def close(self) -> None:
        self.outbox.close()
        self.server.__exit__()


def many(count: int) -> list[bytes]:
    return [b"sale %d" % number for number in range(count)]
