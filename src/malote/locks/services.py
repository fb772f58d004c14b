"""The lock console as the faces use it: one object, wired by the composition root.

Whoever calls asks first whether the person may (``Permission.SEE_LOCKS``, ``Permission.KILL_SESSION``). ``visit`` is
the person's console session: any text that is only theirs, such as its token. It is kept in memory only, hashed.
"""

from collections.abc import Sequence

from malote.accounts.audit import Actor
from malote.erp.sessions.protocol import DbaLogin, Identity
from malote.locks.reports import KillReport, SignedIn, Stoppage, Tree


class Locks:
    """Safe for threads. Methods that ask the ERP raise ``SessionsError``, whose code is in the catalogue."""

    def sign_in(self, visit: str, login: DbaLogin, actor: Actor) -> SignedIn:
        """Tries the login at the ERP and keeps it in memory for ``settings.locks.login_minutes``.

        Raises ``dba_login_refused``, ``dba_login_throttled``, ``erp_away``, ``sessions_unsupported`` (SQLite).
        """
        raise NotImplementedError

    def sign_out(self, visit: str) -> None:
        """Forgets the visit's login. Call it at the console's own sign-out too."""
        raise NotImplementedError

    def signed_in(self, visit: str) -> SignedIn | None:
        """The login of this visit, while it lasts. Asks nobody."""
        raise NotImplementedError

    def tree(self, visit: str) -> Tree:
        """The tree as it is now. Raises ``dba_login_needed`` where there is no login (any more). SQLite needs none."""
        raise NotImplementedError

    def kill(
        self,
        visit: str,
        identities: Sequence[Identity],
        actor: Actor,
        *,
        reason: str,
        any_session: bool = False,
        dry_run: bool = False,
    ) -> KillReport:
        """Ends root blockers, one after the other: cancel first, terminate after ``settings.locks.grace_seconds``.

        Each is checked again right before. With ``any_session`` also those that are no root blockers; protected ones
        never. Raises ``lock_reason_needed``, ``dba_login_needed``, ``session_protected``, ``session_no_root``,
        ``session_unknown``, before anything was done, and ``StoreError`` when the audit trail can't be written.
        """
        raise NotImplementedError

    def stoppage(self) -> Stoppage | None:
        """Whether sales stand still because the ERP is locked. Asks at most once a second. Raises ``StoreError``."""
        raise NotImplementedError
