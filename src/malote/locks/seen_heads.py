"""What blockers were doing when a DBA's login last looked: the posting user's login may not see it."""

import threading
from collections.abc import Iterable

from msgspec.structs import replace

from malote.locks.lock_reports import Head, Node, Stoppage

REMEMBER_SECONDS = 30.0


class SeenHeads:
    """Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[float, Head]] = {}

    def saw(self, nodes: Iterable[Node], now: float) -> None:
        """The tree as it was read at this moment."""
        fresh = {node.identity.key: (now, _head(node)) for node in nodes if node.root}
        with self._lock:
            kept = {key: one for key, one in self._seen.items() if 0 <= now - one[0] < REMEMBER_SECONDS}
            self._seen = kept | fresh

    def told(self, stoppage: Stoppage | None, now: float) -> Stoppage | None:
        """With what is known of those of whom it could not be told."""
        if stoppage is None:
            return None
        with self._lock:
            known = {key: head for key, (at, head) in self._seen.items() if 0 <= now - at < REMEMBER_SECONDS}
        roots = (
            replace(one, head=known.get(one.blocker.session, one.head)) if one.head == "unknown" else one
            for one in stoppage.roots
        )
        return replace(stoppage, roots=tuple(roots))


def _head(node: Node) -> Head:
    if node.session.protection == "prepared":
        return "prepared"
    if node.session.idle_in_transaction:
        return "idle"
    return "active" if node.session.state else "unknown"
