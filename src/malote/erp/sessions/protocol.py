"""What an engine must tell of its sessions and locks, and how one of them is ended."""

from collections.abc import Callable, Collection
from typing import Literal, Protocol

import msgspec

from malote.erp.sessions.errors import SessionsError

# Why a session must not be ended, whoever asks.
#   malote       a session of a poster of this store: what it was doing would only come again
#   replication  a standby or a backup lives from it
#   wraparound   autovacuum that keeps the database from stopping altogether
#   system       a process of the server itself
#   self         the session that asks
#   prepared     nobody's session: a prepared transaction, which only ROLLBACK PREPARED or COMMIT PREPARED ends
Protection = Literal["malote", "replication", "wraparound", "system", "self", "prepared"]

# What a session is after it was told to end.
#   gone      it ended, or another session has its number by now
#   harmless  it is still connected, but holds no lock any more
#   holding   it still holds locks
Standing = Literal["gone", "harmless", "holding"]


# The sessions of the posters that work now, by number and beginning; a beginning of "" stands for any.
Own = Callable[[], Collection[tuple[str, str]]]


class DbaLogin:
    """A database user's name and password, as typed by a person at this moment. Never shown, never written."""

    __slots__ = ("_password", "user")

    def __init__(self, user: str, password: str) -> None:
        self.user = user
        self._password = password

    def reveal(self) -> str:
        """The password, for the driver alone."""
        return self._password

    def __repr__(self) -> str:
        return f"DbaLogin({self.user!r}, ***)"

    def __reduce__(self) -> str:
        raise TypeError("a login is not written anywhere")


class SessionIdentity(msgspec.Struct, frozen=True, order=True):
    """One session and no other, even if its number is given to another one later.

    ``key`` is what people call it: a process id in PostgreSQL; ``instance,SID,SERIAL#`` in Oracle; ``prepared:<gid>``
    for a prepared transaction. ``began`` is the moment it connected (backend_start, logon time), as ISO 8601.
    """

    key: str
    began: str

    @property
    def token(self) -> str:
        """Both in one text, for a form or a command line."""
        return f"{self.key}@{self.began}"

    @classmethod
    def of_token(cls, token: str) -> "SessionIdentity":
        """Raises ``SessionsError`` ``session_unknown`` for what ``token`` never made."""
        key, at, began = token.rpartition("@")
        if not (key and at and began):
            raise SessionsError("session_unknown", session=token[:80])
        return cls(key, began)


class ErpSession(msgspec.Struct, frozen=True):
    """One session as the database shows it. Ages are in seconds at the moment of looking; None where not applicable,
    or where the login may not see it. Texts are "" then."""

    identity: SessionIdentity
    user: str
    machine: str
    program: str
    state: str  # the engine's own word: "active", "idle in transaction"
    transaction_age: float | None = None
    query_age: float | None = None  # of what it runs, or of what it ran last
    waiting_age: float | None = None
    lock_type: str = ""  # the mode it waits for; otherwise the strongest it holds of what others wait for
    objects: tuple[str, ...] = ()  # what it waits for, or holds and others wait for; Malote's own tables besides
    sql: str = ""  # cut, its literals masked
    blocked_by: tuple[SessionIdentity, ...] = ()  # those it waits for directly
    protection: Protection | None = None
    idle_in_transaction: bool = False  # its user went away in the middle: nothing runs that could be cancelled


class Sessions(Protocol):
    """A connection with a DBA's login. Not safe for threads. Every method raises ``SessionsError``.

    Opened by ``malote.erp.sessions.factory.open_sessions``.
    """

    engine: str  # "postgresql", "oracle", "sqlite"
    password_asked: bool  # False where the server lets this user in without looking at the password

    def tree(self) -> list[ErpSession]:
        """Every session that blocks another or is blocked, and those that hold locks on Malote's tables."""
        ...

    def find(self, key: str) -> ErpSession | None:
        """The session that has this number now, whatever it holds; None where nobody has it.

        What it waits for and who waits for it need not be in it: that is the tree's.
        """
        ...

    def busy(self) -> bool | None:
        """Whether a program holds the database's only write lock now; None for an engine that has sessions."""
        ...

    def cancel(self, identity: SessionIdentity) -> None:
        """Interrupts what the session runs; it stays connected. Raises ``session_ended`` where it is gone."""
        ...

    def terminate(self, identity: SessionIdentity) -> None:
        """Ends the session. Raises ``session_ended`` where it is gone, ``session_replaced`` where its number belongs to
        another one by now, ``kill_unknown`` where the connection broke before the answer."""
        ...

    def alive(self, identity: SessionIdentity) -> Standing: ...

    def privileges(self) -> list[str]:
        """What the login lacks for seeing and ending sessions, in the engine's own words."""
        ...

    def close(self) -> None: ...
