"""The automatic measure, off by default: ends sessions that went idle in the middle of a transaction and stop sales.

It needs a database login of its own in the settings, and a rule that names users or programs: without a rule nobody is
ended. What such a session had changed and not committed is lost to its user, who may be in the middle of something. So
it is rehearsed first (``rule``): the same look, and what it would have ended is only noted.
"""

import threading
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from malote import log as logs
from malote.accounts.audit import SYSTEM
from malote.config import LocksSettings
from malote.database.errors import StoreError
from malote.erp.sessions.errors import SessionsError
from malote.erp.sessions.protocol import DbaLogin
from malote.locks.lock_reports import Killed, Node
from malote.locks.lock_service import Locks

LOOK_SECONDS = 5.0

log = logs.get_logger("malote.locks")


def run(locks: Locks, stop: threading.Event) -> None:
    """Looks now and then, until told to stop."""
    while not stop.wait(LOOK_SECONDS):
        try:
            for killed in step(locks):
                log.warning("session_ended_by_rule", session=killed.identity.key, outcome=killed.outcome)
        except (SessionsError, StoreError) as error:
            log.warning("automatic_measure_waits", code=error.code)
        except OSError as error:
            log.warning("automatic_measure_waits", detail=error.strerror)


def step(locks: Locks) -> list[Killed]:
    """One look; what was ended. Raises ``SessionsError``, ``StoreError``, ``OSError`` for the password's file."""
    settings = locks.settings
    if not settings.automatic:
        return []
    state = locks.begin_rule()
    if state == "off" or locks.stoppage() is None:
        return []
    login = login_of(settings)
    chosen = [node.identity for node in locks.tree_as(login).nodes if matches(node, settings)]
    if not chosen:
        return []
    locks.sample()
    for identity in chosen:
        if locks.choose(identity):
            log.info("session_chosen_by_rule", session=identity.key, state=state)
    if state == "rehearsal":
        return []
    reason = f"settings.locks.automatic: {settings.automatic_minutes:g} min"
    return locks.kill_as(login, chosen, SYSTEM, reason=reason).killed


def matches(node: Node, settings: LocksSettings) -> bool:
    """Whether the rule says to end it: a root blocker, idle in its transaction for too long, with sales behind it."""
    session = node.session
    idle = min(session.transaction_age or 0.0, session.query_age or 0.0)
    return (
        node.killable
        and session.idle_in_transaction
        and idle >= settings.automatic_minutes * 60
        and node.behind.sales > 0
        and bool(settings.automatic_users or settings.automatic_programs)
        and _any(session.user, settings.automatic_users)
        and _any(session.program, settings.automatic_programs)
    )


def login_of(settings: LocksSettings) -> DbaLogin:
    """The login in the settings. Raises ``OSError`` for its file."""
    password = settings.dba_password
    if not password and settings.dba_password_file:
        password = Path(settings.dba_password_file).read_text(encoding="utf-8").strip()
    return DbaLogin(settings.dba_user, password)


def _any(value: str, patterns: Iterable[str]) -> bool:
    """Whether it fits one of them; an empty list leaves it open."""
    wanted = list(patterns)
    return not wanted or any(fnmatchcase(value.lower(), pattern.lower()) for pattern in wanted)
