"""One rendering for all who look at the same: pages that refresh themselves, in many browsers at the same moment.

What is shared is made for nobody: it knows a role and a language, no user, no session and no token. It is as old as a
second at most, and never older than the last change that the pages were told of.
"""

import gzip
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

import msgspec

from malote.accounts.roles import Permission, Role, permissions
from malote.rejection import Language

OLDEST_SECONDS = 1.0
MOST_KEPT = 64


class Viewer(msgspec.Struct, frozen=True):
    """All that a shared rendering may know of who looks: it stands in the templates where ``Visit`` does."""

    language: Language
    role: Role

    def may(self, permission: str) -> bool:
        return Permission(permission) in permissions(self.role)


class Rendered(msgspec.Struct, frozen=True):
    """``tag`` is another one whenever the text is."""

    text: bytes
    packed: bytes  # by gzip
    tag: str


class _Slot:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.made: tuple[int, float, Rendered] | None = None


class SharedPages:
    """Safe for threads: of those who ask for the same, one makes it and the others wait for it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._slots: OrderedDict[Hashable, _Slot] = OrderedDict()
        self._changes = 0

    def forget(self) -> None:
        """Something changed: what was made before, or is being made now, is of no more use to whoever comes later."""
        with self._lock:
            self._changes += 1

    def get(self, key: Hashable, make: Callable[[], str]) -> Rendered:
        """Raises what ``make`` raises."""
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            while len(self._slots) > MOST_KEPT:
                self._slots.popitem(last=False)
        with slot.lock:
            changes, now = self._changes, self._clock()
            if slot.made is None or slot.made[0] != changes or now - slot.made[1] > OLDEST_SECONDS:
                slot.made = changes, now, _rendered(make())
            return slot.made[2]


def _rendered(text: str) -> Rendered:
    content = text.encode()
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return Rendered(content, gzip.compress(content, 5, mtime=0), tag)
