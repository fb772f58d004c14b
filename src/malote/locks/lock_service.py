"""The lock console as the faces use it: one object, wired by the composition root.

Whoever calls asks first whether the person may (``Permission.SEE_LOCKS``, ``Permission.KILL_SESSION``). ``visit`` is
the person's console session: any text that is only theirs, such as its token. It is kept in memory only, hashed.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from sqlalchemy import Engine

from malote import log as logs
from malote.accounts import audit
from malote.accounts.audit import SYSTEM, Actor, Facts
from malote.config import LocksSettings
from malote.database.engine import writing
from malote.database.errors import StoreError
from malote.erp.mapping import BUILT_IN, ErpTables
from malote.erp.sessions.errors import SessionsError
from malote.erp.sessions.factory import has_sessions, open_sessions, open_watch
from malote.erp.sessions.protocol import DbaLogin, ErpSession, SessionIdentity, Sessions
from malote.erp_engines import title_of
from malote.locks import automatic_rule, episodes, kill, session_tree
from malote.locks.alarm import Alarm
from malote.locks.automatic_rule import LockRule, State
from malote.locks.episodes import Episode
from malote.locks.kill import KillOrder
from malote.locks.lock_reports import DatabaseLogin, Killed, KillReport, Node, Stoppage, Tree
from malote.locks.logins import Logins
from malote.locks.seen_heads import SeenHeads
from malote.locks.waiting import REMEMBER_SECONDS, Recent
from malote.spool.presence import watched

log = logs.get_logger("malote.locks")

_LOOK_SECONDS = 0.2

_Victim = tuple[ErpSession, Node | None]  # in the tree or not
Open = Callable[[str, DbaLogin | None, ErpTables], Sessions]


class Locks:
    """Safe for threads. Methods that ask the ERP raise ``SessionsError``, whose code is in the catalogue."""

    def __init__(
        self,
        engine: Engine,
        erp_url: str,
        settings: LocksSettings,
        *,
        tables: ErpTables = BUILT_IN,
        open_erp_sessions: Open = open_sessions,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``engine`` is the store database. Nothing is connected yet."""
        self.settings = settings
        self._engine = engine
        self._erp_url = erp_url
        self._tables = tables
        self._open = open_erp_sessions
        self._clock = clock
        self._logins = Logins(settings.login_minutes * 60, clock)
        self._recent = Recent()
        self._heads = SeenHeads()
        posters = partial(watched, engine, clock)
        self._alarm = Alarm(engine, open_watch(erp_url, tables, posters), clock)

    def close(self) -> None:
        """Forgets every login and closes the connection that watches."""
        self._logins.drop_all()
        self._alarm.close()

    @property
    def has_sessions(self) -> bool:
        """False for a file, which has no sessions, asks for no login and lets nobody be ended."""
        return has_sessions(self._erp_url)

    # ---- a person's visit to the console ----

    def sign_in(self, visit: str, login: DbaLogin, actor: Actor) -> DatabaseLogin:
        """Tries the login at the ERP and keeps it in memory for ``settings.locks.login_minutes``.

        Raises ``dba_login_refused``, ``dba_login_throttled``, ``erp_away``, ``sessions_unsupported`` (a file), and
        ``StoreError``.
        """
        if not self.has_sessions:
            raise SessionsError("sessions_unsupported", engine=title_of(self._erp_url))
        self._logins.check(login.user)
        try:
            with self._sessions(login) as sessions:
                missing, asked = sessions.privileges(), sessions.password_asked
        except SessionsError as error:
            if error.code == "dba_login_refused":
                self._logins.failed(login.user)
                # Without the name, which may be a password typed into the wrong field.
                self._record(actor, "dba_login_refused", "erp")
            raise
        self._logins.succeeded(login.user)
        self._record(actor, "dba_signed_in", f"erp_user:{login.user}")
        return self._logins.keep(visit, login, missing, password_asked=asked)

    def sign_out(self, visit: str) -> None:
        """Forgets the visit's login. Call it at the console's own sign-out too."""
        self._logins.drop(visit)

    def signed_in(self, visit: str) -> DatabaseLogin | None:
        """The login of this visit, while it lasts. Asks nobody."""
        found = self._logins.find(visit)
        return found[1] if found else None

    def tree(self, visit: str) -> Tree:
        """The tree as it is now. Raises ``dba_login_needed`` where there is no login (any more). A file needs none."""
        return self.tree_as(self._login(visit))

    def kill(
        self,
        visit: str,
        identities: Sequence[SessionIdentity],
        actor: Actor,
        *,
        reason: str,
        any_session: bool = False,
        dry_run: bool = False,
    ) -> KillReport:
        """Ends root blockers, one after the other: cancel first, terminate after ``settings.locks.grace_seconds``.

        Each is checked again right before. With ``any_session`` also those that are no root blockers; protected ones
        never. Raises, before anything was done, ``lock_reason_needed``, ``dba_login_needed``, ``session_protected``,
        ``session_prepared``, ``session_no_root``, ``session_unknown``, ``dba_privilege_missing``; and ``StoreError``
        when the audit trail can't be written: then nothing is ended either.
        """
        login = self._login(visit)
        return self.kill_as(login, identities, actor, reason=reason, any_session=any_session, dry_run=dry_run)

    def stoppage(self) -> Stoppage | None:
        """Whether sales stand still because the ERP is locked. Asks at most once a second. Raises ``StoreError``."""
        return self._alarm()

    # ---- what was so before ----

    def sample(self) -> bool:
        """Joins what stands still now with the episodes; whether there was anything to join. Raises ``StoreError``."""
        if not episodes.wanted(self._engine):
            return False
        now, stoppage = self._clock(), self.stoppage()
        if stoppage is None and not episodes.any_open(self._engine):
            return False  # it was only being booked: nothing is written
        episodes.note(self._engine, self._heads.told(stoppage, now), now)
        return stoppage is not None

    def episodes(self, days: float = episodes.KEEP_SECONDS / 86400) -> list[Episode]:
        """Those of the last so many days, the newest first. Raises ``StoreError``."""
        return episodes.listed(self._engine, self._clock() - days * 86400)

    def forget_episodes(self) -> int:
        """Drops those that are older than 90 days; how many. Raises ``StoreError``."""
        return episodes.forget(self._engine, self._clock())

    def rule(self) -> LockRule:
        """How far the automatic measure may go, and what it would have done. Raises ``StoreError``."""
        return automatic_rule.current(self._engine, self.settings)

    def begin_rule(self) -> State:
        """The state that the automatic measure acts by. Raises ``StoreError``."""
        return automatic_rule.begin(self._engine, self.settings, self._clock())

    def choose(self, identity: SessionIdentity) -> bool:
        """Notes that the automatic measure would end it now; False where that is known. Raises ``StoreError``."""
        return episodes.choose(self._engine, identity.key, automatic_rule.definition(self.settings), self._clock())

    def switch_rule(self, state: State, actor: Actor, *, reason: str, rehearsed: int | None = None) -> LockRule:
        """See ``automatic_rule.switch``; without a reason ``lock_reason_needed``."""
        said = kill.check_reason(reason)
        return automatic_rule.switch(
            self._engine, self.settings, state, actor, self._clock(), reason=said, rehearsed=rehearsed
        )

    # ---- with a login at hand: the command line, the automatic measure ----

    def tree_as(self, login: DbaLogin | None) -> Tree:
        """See ``tree``. Raises ``StoreError`` too."""
        with self._sessions(login) as sessions:
            return self._read(sessions)

    def kill_as(
        self,
        login: DbaLogin | None,
        identities: Sequence[SessionIdentity],
        actor: Actor,
        *,
        reason: str,
        any_session: bool = False,
        dry_run: bool = False,
    ) -> KillReport:
        """See ``kill``."""
        order = KillOrder(kill.check_reason(reason), self.settings.grace_seconds, any_session)
        user = login.user if login else ""
        with self._sessions(login) as sessions:
            settled = {identity: self._checked(sessions, identity, order) for identity in identities}
            if dry_run:
                planned = [
                    one if isinstance(one, Killed) else Killed(key, "planned", ()) for key, one in settled.items()
                ]
                tree = self._read(sessions)
                return KillReport(planned, tree, tree.roots)
            killed = []
            for identity in identities:
                known = settled[identity]
                done = known if isinstance(known, Killed) else self._kill(sessions, identity, actor, user, order)
                killed.append(done)
                if done.outcome == "unknown":
                    break
        after = self._read_again(login)
        if after is not None and not after.roots:
            self._alarm.released()
        return KillReport(killed, after, after.roots if after else [])

    def _checked(self, sessions: Sessions, identity: SessionIdentity, order: KillOrder) -> _Victim | Killed:
        """The session as it is now, or that it need not be ended any more. Raises what forbids ending it.

        One that seems to block nobody is looked at again for a moment: a poster may rest between two tries.
        """
        if not self.has_sessions:
            raise SessionsError("sessions_unsupported", engine=title_of(self._erp_url))
        until = time.monotonic() + REMEMBER_SECONDS
        look = partial(session_tree.find, self._engine, sessions, now=self._clock())
        while True:
            nodes = self._read(sessions).nodes
            try:
                return kill.victim(nodes, identity, look, any_session=order.any_session)
            except SessionsError as error:
                node = kill.find(nodes, identity)
                waits = node is not None and node.depth > 0
                if error.code != "session_no_root" or waits or time.monotonic() > until:
                    raise
            time.sleep(_LOOK_SECONDS)

    def _kill(self, sessions: Sessions, identity: SessionIdentity, actor: Actor, user: str, order: KillOrder) -> Killed:
        """Looks once more, writes down the intention, ends it, writes down the result."""
        found = self._checked(sessions, identity, order)
        if isinstance(found, Killed):
            return found
        session, node = found
        who = {**_facts(session, node), "database_user": user}
        self._record(actor, "session_kill_ordered", f"erp_session:{identity.key}", before=who, reason=order.reason)
        done = None
        try:
            done = kill.end(sessions, identity, order.grace, idle=session.idle_in_transaction)
            return done
        finally:
            after: Facts = {
                "outcome": done.outcome if done else "refused",
                "steps": list(done.steps) if done else [],
                "database_user": user,
            }
            self._record_result(actor, identity, who, after, order.reason)
            if done and done.outcome in ("ended", "released"):
                self._end_episode(identity, actor)

    def _end_episode(self, identity: SessionIdentity, actor: Actor) -> None:
        """The session is ended, and the trail says so: a failure here only lets the episode end by itself."""
        try:
            episodes.end(self._engine, identity.key, "rule" if actor == SYSTEM else "person", self._clock())
        except StoreError as error:
            log.warning("episode_not_ended", session=identity.key, code=error.code)

    def _read(self, sessions: Sessions) -> Tree:
        now = self._clock()
        tree = session_tree.look(self._engine, sessions, self._recent, now)
        self._heads.saw(tree.nodes, now)
        return tree

    def _read_again(self, login: DbaLogin | None) -> Tree | None:
        """By a new connection, since the old one may be what broke."""
        try:
            return self.tree_as(login)
        except SessionsError:
            return None

    def _login(self, visit: str) -> DbaLogin | None:
        if not self.has_sessions:
            return None
        found = self._logins.find(visit)
        if found is None:
            raise SessionsError("dba_login_needed")
        return found[0]

    @contextmanager
    def _sessions(self, login: DbaLogin | None) -> Iterator[Sessions]:
        sessions = self._open(self._erp_url, login, self._tables)
        try:
            yield sessions
        finally:
            sessions.close()

    def _record(self, actor: Actor, action: str, on: str, *, before: Facts | None = None, reason: str = "") -> None:
        with writing(self._engine) as connection:
            audit.record(connection, actor, action, on, before=before, reason=reason)

    def _record_result(self, actor: Actor, identity: SessionIdentity, before: Facts, after: Facts, reason: str) -> None:
        """The order is in the trail already, and the session can't be brought back: a failure here stops nothing."""
        on = f"erp_session:{identity.key}"
        try:
            with writing(self._engine) as connection:
                audit.record(connection, actor, "session_killed", on, before=before, after=after, reason=reason)
        except StoreError as error:
            log.error("kill_result_not_recorded", session=identity.key, code=error.code, **after)


def _facts(session: ErpSession, node: Node | None) -> Facts:
    """Who was ended: whatever the way there, the trail names them."""
    return {
        "began": session.identity.began,
        "user": session.user,
        "machine": session.machine,
        "program": session.program,
        "state": session.state,
        "statement": session.sql,
        "transaction_age": session.transaction_age,
        "lock": session.lock_type,
        "objects": list(session.objects),
        "sessions_behind": node.waiters if node else 0,
        "tills": list(node.behind.tills) if node else [],
        "sales": node.behind.sales if node else 0,
    }
