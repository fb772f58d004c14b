"""A capture on a folder, with a clock in hand."""

from pathlib import Path
from typing import Any

from malote.till import server_limits
from malote.till.capture import Capture
from malote.till.folder_counts import FolderSight
from malote.till.outbox import Outbox
from malote.wire import PouchLimits
from tests.unit.till_support import Clock, Ears, till_settings


class Bench:
    """A capture on a folder, with a clock in hand."""

    def __init__(self, tmp_path: Path, largest: int | None = None, **settings: Any) -> None:
        self.pos = tmp_path / "pos"
        self.pos.mkdir(exist_ok=True)
        self.outbox = Outbox(tmp_path / "outbox.sqlite3")
        if largest is not None:
            server_limits.remember(self.outbox, PouchLimits(200, 4_000_000, largest))
        self.clock = Clock()
        self.ears = Ears()
        self.settings = till_settings(self.pos, **({"quiet_seconds": 1.0, "rescan_seconds": 30.0} | settings))
        self.begin()

    def begin(self) -> None:
        self.sight = FolderSight()
        voice = self.ears.voice
        self.capture = Capture(
            self.outbox, self.settings, voice, sight=self.sight, monotonic=self.clock, now=self.clock
        )

    def due(self) -> int:
        return sum(self.capture.capture_due())

    def settle(self) -> int:
        """Looks, waits until it is quiet, and captures."""
        self.capture.rescan()
        self.clock.pass_by(self.settings.quiet_seconds)
        return self.due()

    def settled(self) -> bool:
        return self.capture.settled

    def contents(self) -> list[bytes]:
        return [file.content for file in self.outbox.next_pouch(1000, 10**9).files]

    def refused(self) -> dict[str, str]:
        return {refusal.name: refusal.code for refusal in self.outbox.refusals()}
