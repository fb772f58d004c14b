"""The tree of sessions with the sales that wait behind each: what the ERP shows, joined with what the spool knows."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from msgspec.structs import replace
from sqlalchemy import Engine

from malote.erp.sessions.protocol import ErpSession, SessionIdentity, Sessions
from malote.locks import tree
from malote.locks.lock_reports import Behind, Node, Tree
from malote.locks.waiting import NotedHolder, Recent, Waiting, together, waiting
from malote.spool.presence import present

_CLOCKS_APART = 300.0  # seconds by which the ERP's clock may differ from ours


def look(engine: Engine, sessions: Sessions, recent: Recent, now: float) -> Tree:
    """As it is now. Raises ``SessionsError``, ``StoreError``."""
    posters = present(engine, now)
    read = [guarded(one, posters) for one in sessions.tree()]
    return assemble(sessions.engine, read, recent.completed(waiting(engine), now), now, busy=sessions.busy())


def guarded(one: ErpSession, posters: Collection[tuple[str, str]]) -> ErpSession:
    """With the protection of a poster's session, where it is one's: by number and beginning, never by its name."""
    key, began = one.identity.key, one.identity.began
    mine = (key, began) in posters or (key, "") in posters
    return replace(one, protection="malote") if mine and one.protection is None else one


def find(engine: Engine, sessions: Sessions, identity: SessionIdentity, now: float) -> ErpSession | None:
    """The session that has this number now, in the tree or not; None where nobody has it.

    Raises ``SessionsError``, ``StoreError``.
    """
    found = sessions.find(identity.key)
    return None if found is None else guarded(found, present(engine, now))


def assemble(engine: str, read: Sequence[ErpSession], waits: Waiting, now: float, *, busy: bool | None = None) -> Tree:
    behind: dict[SessionIdentity, list[Mapping[str, int]]] = {}
    unnamed: list[Mapping[str, int]] = []
    # Whose holder is not known, or let go since: they are tried again in their turn, like those that were not tried.
    in_line = [waits.in_line]
    for noted, tills in waits.locked.items():
        holder = next((one.identity for one in read if _is(one, noted)), None)
        (behind.setdefault(holder, []) if holder else in_line).append(tills)
    noted_ones = set(behind)
    for program, tills in waits.posting.items():
        # One that waits for nobody is about to have posted them.
        poster = next((one.identity for one in read if one.program == program and one.blocked_by), None)
        (behind.setdefault(poster, []) if poster else unnamed).append(tills)
    behinds = {identity: Behind(together(counts)) for identity, counts in behind.items()}
    found = tree.nodes(read, behinds, also=noted_ones)
    only = _only_culprit(found)
    if only is None:
        unnamed += in_line
    else:
        found = [_longer(node, together(in_line)) if node is only else node for node in found]
    return Tree(engine, now, found, Behind(together(unnamed)), busy)


def _only_culprit(found: Iterable[Node]) -> Node | None:
    """The one root behind which sales wait: then what is in line waits for it too. None where there are several."""
    culprits = [node for node in found if node.root and node.behind.sales]
    return culprits[0] if len(culprits) == 1 else None


def _longer(node: Node, in_line: Mapping[str, int]) -> Node:
    return replace(node, behind=Behind(together([node.behind.tills, in_line])))


def _is(one: ErpSession, noted: NotedHolder) -> bool:
    """Whether it is the session that a poster noted, and not a later one with its number."""
    if not noted.session or one.identity.key != noted.session or noted.user not in ("", one.user):
        return False
    try:
        began = datetime.fromisoformat(one.identity.began)
    except ValueError:
        return True  # hidden from this login
    if began.tzinfo is None:
        began = began.replace(tzinfo=UTC)
    return not noted.since or began.timestamp() <= noted.since + _CLOCKS_APART
