"""A drop folder with a clock in hand, over a store that remembers what it took."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from malote.config import IntakeSettings
from malote.intake.drop_folder import DropFolder
from malote.intake.quota import SlowedError
from malote.tills.till import Till
from malote.wire import FileReceipt, PouchFile

QUIET = 1.0
LIMIT = 10_000
CAIXA1 = Till(1, "caixa1", "", 0.0, None)
CAIXA2 = Till(2, "caixa2", "", 0.0, None)
CLOSED = Till(3, "fechado", "", 0.0, 1.0)
TODAY = date(2026, 3, 10)


class Store:
    """Remembers what it took, as the spool would: a file once, however often it comes."""

    def __init__(self) -> None:
        self.pouches: list[tuple[str, list[str]]] = []
        self.contents: dict[bytes, bytes] = {}
        self.failure: Exception | None = None
        self.before_answer: Callable[[], None] = lambda: None
        self.most = 1000  # files that there is time for

    def take(self, till: Till, files: Sequence[PouchFile]) -> list[FileReceipt]:
        if self.failure:
            raise self.failure
        taken, left = files[: self.most], files[self.most :]
        self.pouches.append((till.name, [file.name for file in taken]))
        receipts = [FileReceipt(f.sha256.hex(), "accepted", [], f.sha256 in self.contents) for f in taken]
        receipts += [FileReceipt(f.sha256.hex(), "unknown") for f in left]
        for file in taken:
            assert hashlib.sha256(file.content).digest() == file.sha256
            self.contents[file.sha256] = file.content
        self.before_answer()
        return receipts


class Scene:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = Store()
        self.now = 1000.0
        self.slowed: set[int] = set()
        self.inbox = root / "caixa1"
        self.inbox.mkdir(parents=True)
        self.folder = self.started()

    def started(self) -> DropFolder:
        """The folder as a server that just started sees it."""
        settings = IntakeSettings(drop_quiet_seconds=QUIET, max_document_bytes=LIMIT, drop_rescan_seconds=0.05)
        return DropFolder(
            self.root,
            self.store.take,
            lambda: [CAIXA1, CAIXA2, CLOSED],
            settings,
            admit=self.admit,
            clock=lambda: self.now,
            today=lambda: TODAY,
        )

    def admit(self, till_id: int) -> None:
        if till_id in self.slowed:
            raise SlowedError(1.0)

    def scan_after(self, seconds: float) -> int:
        self.now += seconds
        return self.folder.scan()

    def settle(self) -> None:
        """Two looks, with nothing happening in between."""
        self.folder.scan()
        self.scan_after(QUIET)

    def received(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.inbox / "recebidos" / TODAY.isoformat()).glob("*")}

    def findings(self) -> set[tuple[str, str]]:
        return {(finding.name, finding.code) for finding in self.folder.findings}
