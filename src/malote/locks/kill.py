"""Matar Sessão: only what blocks, only while it is still the same session, gently first, and never without a reason."""

import time
from collections.abc import Callable, Collection, Sequence
from typing import Literal

import msgspec

from malote.erp.sessions.errors import SessionsError
from malote.erp.sessions.protocol import ErpSession, SessionIdentity, Sessions, Standing
from malote.locks.lock_reports import Killed, Node

LEAST_REASON = 3  # characters: more than a keypress
TERMINATE_SECONDS = 5.0  # for a session to be gone after it was told to end
_IDLE_SECONDS = 0.3  # a session that runs nothing has nothing that could be cancelled
_LOOK_SECONDS = 0.05

Step = Literal["cancel", "terminate"]


class KillOrder(msgspec.Struct, frozen=True):
    reason: str
    grace: float  # seconds between cancelling and ending
    any_session: bool = False


def check_reason(reason: str) -> str:
    """The reason without blanks around it. Raises ``lock_reason_needed``."""
    stripped = " ".join(reason.split())
    if len(stripped) < LEAST_REASON:
        raise SessionsError("lock_reason_needed")
    return stripped


def check(session: ErpSession, *, killable: bool) -> None:
    """Raises what forbids to end it: ``session_prepared``, ``session_protected``, ``session_no_root``."""
    key, protection = session.identity.key, session.protection
    if protection == "prepared":
        raise SessionsError("session_prepared", gid=key.removeprefix("prepared:"))
    if protection is not None:
        raise SessionsError("session_protected", session=key, protection=protection)
    if not killable:
        raise SessionsError("session_no_root", session=key)


def find(nodes: Sequence[Node], identity: SessionIdentity) -> Node | None:
    return next((node for node in nodes if node.identity == identity), None)


def victim(
    nodes: Sequence[Node],
    identity: SessionIdentity,
    look: Callable[[SessionIdentity], ErpSession | None],
    *,
    any_session: bool,
) -> tuple[ErpSession, Node | None] | Killed:
    """Who is to be ended, as they are now, in the tree or not; or what to say of one that is there no more.

    ``look`` finds the session that has the number now. Raises what forbids ending it (``check``).
    """
    node = find(nodes, identity)
    session = node.session if node else look(identity)
    if session is None:
        return Killed(identity, "gone", ())
    if session.identity != identity:
        return Killed(identity, "replaced", ())
    check(session, killable=any_session or bool(node and node.killable))
    return session, node


def end(
    sessions: Sessions,
    identity: SessionIdentity,
    grace: float,
    *,
    idle: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> Killed:
    """Cancels what the session runs, and ends it if it still holds its locks after ``grace`` seconds.

    An ``idle`` one has nothing to cancel: it is given no time for that. Raises ``SessionsError`` only for a lack of
    privileges; a broken connection leaves the outcome ``unknown``.
    """
    steps: list[Step] = []
    plan: tuple[tuple[Step, float], ...] = (
        ("cancel", min(grace, _IDLE_SECONDS) if idle else grace),
        ("terminate", TERMINATE_SECONDS),
    )
    try:
        for step, patience in plan:
            (sessions.cancel if step == "cancel" else sessions.terminate)(identity)
            steps.append(step)
            # One that was told to end lets go of its locks a moment before it is gone.
            enough: tuple[Standing, ...] = ("gone", "harmless") if step == "cancel" else ("gone",)
            standing = _wait(sessions, identity, enough, clock() + patience, clock)
            if standing == "gone":
                return Killed(identity, "ended", tuple(steps))
            if standing == "harmless":
                return Killed(identity, "released", tuple(steps))
        return Killed(identity, "holding", tuple(steps))
    except SessionsError as error:
        if error.code == "session_ended":
            return Killed(identity, "ended" if steps else "gone", tuple(steps))
        if error.code == "session_replaced":
            return Killed(identity, "ended" if steps else "replaced", tuple(steps))
        if error.code in ("kill_unknown", "erp_away"):
            return Killed(identity, "unknown", tuple(steps))
        raise


def _wait(
    sessions: Sessions,
    identity: SessionIdentity,
    enough: Collection[Standing],
    until: float,
    clock: Callable[[], float],
) -> Standing:
    while (standing := sessions.alive(identity)) not in enough and clock() < until:
        time.sleep(_LOOK_SECONDS)
    return standing
