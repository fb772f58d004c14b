"""One agent per outbox: a lock that the system lets go of when its process ends, however it ends."""

import os
import sys
from pathlib import Path
from typing import Self

from malote import private
from malote.till.storage import OutboxError


def has_ever_run(outbox: Path) -> bool:
    """Whether an agent has ever been started for this outbox: its lock's file stays."""
    return _path_of(outbox).exists()


class AgentLock:
    """Held while an agent runs. Raises ``OutboxError`` (agent_running, outbox_away)."""

    def __init__(self, outbox: Path) -> None:
        path = _path_of(outbox)
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, private.FILE)
        except OSError as error:
            raise OutboxError("outbox_away", path=str(path), detail=error.strerror or str(error)) from error
        try:
            _lock(self._descriptor)
        except OSError as error:
            os.close(self._descriptor)
            raise OutboxError("agent_running", path=str(outbox)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # The file stays: removing it would let a second agent lock a new one of the same name.
        os.close(self._descriptor)


def _path_of(outbox: Path) -> Path:
    return outbox.with_name(f"{outbox.name}.lock")


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
