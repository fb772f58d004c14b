"""The tree of who waits for whom, from the sessions as they were read. Pure.

A session stands once, below the first of those that it waits for; what waits behind a root is counted for each root
that it waits for, at any distance. Sessions that wait for each other in a ring, as in the moment before a deadlock is
found, are shown from the one that has been at it longest.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from malote.erp.sessions.protocol import ErpSession, SessionIdentity
from malote.locks.lock_reports import Behind, Node

Behinds = Mapping[SessionIdentity, Behind]


def nodes(sessions: Sequence[ErpSession], behind: Behinds, *, also: Collection[SessionIdentity] = ()) -> list[Node]:
    """In the order of display. ``behind`` says how many sales a session has in its hands or behind it according to the
    spool, ``also`` which ones block though nobody waits for them right now, as while a poster rests between tries."""
    graph = Graph(sessions)
    chosen = [_node(graph, one, depth, behind, set(also)) for one, depth in graph.walk()]
    # What blocks most stands first, with all that waits for it.
    return [node for tree in sorted(_trees(chosen), key=_weight) for node in tree]


class Graph:
    """Sessions and what they wait for."""

    def __init__(self, sessions: Sequence[ErpSession]) -> None:
        self._by_identity = {one.identity: one for one in sessions}
        self._waiting_for: dict[SessionIdentity, list[ErpSession]] = {}
        for one in sessions:
            for blocker in one.blocked_by:
                self._waiting_for.setdefault(blocker, []).append(one)

    def blocks(self, one: ErpSession) -> bool:
        return bool(self._waiting_for.get(one.identity))

    def waits(self, one: ErpSession) -> bool:
        return any(blocker in self._by_identity for blocker in one.blocked_by)

    def behind(self, identity: SessionIdentity) -> list[ErpSession]:
        """All that wait for it at any distance, itself left out."""
        found: dict[SessionIdentity, ErpSession] = {}
        pending = list(self._waiting_for.get(identity, ()))
        while pending:
            one = pending.pop()
            if one.identity not in found:
                found[one.identity] = one
                pending += self._waiting_for.get(one.identity, ())
        found.pop(identity, None)
        return list(found.values())

    def walk(self) -> Iterator[tuple[ErpSession, int]]:
        """Every session once, with its depth: from the free ones down, then what is left, which stands in rings."""
        left = dict(self._by_identity)
        free = [one for one in left.values() if not self.waits(one)]
        for root in free:
            yield from self._down(root, left)
        while left:
            yield from self._down(max(left.values(), key=lambda one: (one.transaction_age or 0, one.identity)), left)

    def heads_a_ring(self, one: ErpSession) -> bool:
        """Whether it waits for itself in the end."""
        return any(one.identity in other.blocked_by for other in self.behind(one.identity)) and self.waits(one)

    def _down(self, root: ErpSession, left: dict[SessionIdentity, ErpSession]) -> Iterator[tuple[ErpSession, int]]:
        pending = [(root, 0)]
        while pending:
            one, depth = pending.pop()
            if left.pop(one.identity, None) is None:
                continue
            yield one, depth
            pending += [(other, depth + 1) for other in reversed(self._waiting_for.get(one.identity, []))]


def _node(graph: Graph, one: ErpSession, depth: int, behind: Behinds, concerned: Collection[SessionIdentity]) -> Node:
    blocks = graph.blocks(one) or one.identity in concerned
    waits = graph.waits(one)
    root = blocks and depth == 0 and (not waits or graph.heads_a_ring(one))
    waiting = graph.behind(one.identity)
    return Node(
        session=one,
        depth=depth,
        marked=blocks or waits,
        root=root,
        waiters=len(waiting),
        behind=_together(behind, [one.identity, *(other.identity for other in waiting)]),
        killable=root and one.protection is None,
        killable_anyway=one.protection is None,
    )


def _together(behind: Behinds, identities: Collection[SessionIdentity]) -> Behind:
    tills: dict[str, int] = {}
    for identity in identities:
        for till, sales in behind.get(identity, Behind()).tills.items():
            tills[till] = tills.get(till, 0) + sales
    return Behind(dict(sorted(tills.items())))


def _trees(chosen: Sequence[Node]) -> list[list[Node]]:
    trees: list[list[Node]] = []
    for node in chosen:
        if node.depth == 0:
            trees.append([])
        trees[-1].append(node)
    return trees


def _weight(tree: Sequence[Node]) -> tuple[bool, int, int, float]:
    root = tree[0]
    return (not root.marked, -root.behind.sales, -root.waiters, -(root.session.transaction_age or 0))
