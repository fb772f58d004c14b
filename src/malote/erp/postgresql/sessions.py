"""Sessions and locks on PostgreSQL."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import LiteralString

import psycopg
from sqlalchemy import URL

from malote.erp.postgresql import locks as reading
from malote.erp.postgresql.connecting import Connection, connected_as
from malote.erp.postgresql.locks import Activity, Holding, LockRow, Prepared
from malote.erp.sessions.errors import SessionsError
from malote.erp.sessions.masking import masked
from malote.erp.sessions.protocol import DbaLogin, ErpSession, Protection, SessionIdentity, Standing

OWN_PROGRAM = "malote"  # the beginning of what Malote calls itself in a database: a name, and no proof
PREPARED_PREFIX = "prepared:"
_HIDDEN = "?"  # when a session began, to a login without pg_read_all_stats; nobody ends what can't be told apart
_HARMLESS = frozenset({"AccessShareLock"})  # of a table, by reading it; keeps out nothing but ALTER, DROP, TRUNCATE

_PRIVILEGES: LiteralString = """
SELECT name FROM unnest(ARRAY['pg_read_all_stats', 'pg_signal_backend']) AS name
 WHERE NOT pg_has_role(current_user, name, 'USAGE')
"""
_PEOPLES = ("client backend", "parallel worker")  # what serves somebody's program; all else serves the server itself
# The session is checked in the very statement that ends it: in between, its number could become another's.
_SIGNAL: dict[str, LiteralString] = {
    "cancel": (
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
        " WHERE pid = %s AND backend_start = %s::timestamptz AND backend_type = ANY(%s) AND pid <> pg_backend_pid()"
    ),
    "terminate": (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid = %s AND backend_start = %s::timestamptz AND backend_type = ANY(%s) AND pid <> pg_backend_pid()"
    ),
}
_BEGAN: LiteralString = "SELECT backend_start = %s::timestamptz FROM pg_stat_activity WHERE pid = %s"
_HELD: LiteralString = "SELECT locktype, mode FROM pg_locks WHERE pid = %s AND granted AND locktype <> 'virtualxid'"
_BLOCKS: LiteralString = (
    "SELECT count(*) FROM (SELECT DISTINCT pid FROM pg_locks WHERE NOT granted) AS waiting"
    " WHERE %s = ANY(pg_blocking_pids(pid))"
)


class PostgresqlSessions:
    """See ``malote.erp.sessions.protocol.Sessions``."""

    engine = "postgresql"

    def __init__(self, url: URL, login: DbaLogin, tables: Collection[str]) -> None:
        """``tables`` are the names of Malote's own. Raises ``SessionsError``."""
        self._tables = frozenset(tables)
        self._connection: Connection = connected_as(url, login)
        self.password_asked = self._connection.pgconn.used_password

    def close(self) -> None:
        self._connection.close()

    def privileges(self) -> list[str]:
        with self._spoken():
            return [row[0] for row in self._connection.execute(_PRIVILEGES)]

    def tree(self) -> list[ErpSession]:
        with self._spoken():
            holding = reading.holding(self._connection)
            named = _concerned(holding, self._tables)
            known = reading.activity(self._connection, {one for one in named if isinstance(one, int)})
        return _Portraits(holding, known, self._tables, self._connection.info.backend_pid).all(named)

    def find(self, key: str) -> ErpSession | None:
        with self._spoken():
            holding = reading.holding(self._connection)
            own = self._connection.info.backend_pid
            if key.startswith(PREPARED_PREFIX):
                named: set[int | str] = set(holding.prepared)
                named &= {key.removeprefix(PREPARED_PREFIX)}
                known: dict[int, Activity] = {}
            else:
                named = {_number(key)}
                known = reading.activity(self._connection, {_number(key)})
            return next(iter(_Portraits(holding, known, self._tables, own).all(named)), None)

    def busy(self) -> None:
        return None

    def cancel(self, identity: SessionIdentity) -> None:
        self._signal("cancel", identity)

    def terminate(self, identity: SessionIdentity) -> None:
        self._signal("terminate", identity)

    def alive(self, identity: SessionIdentity) -> Standing:
        with self._spoken():
            pid = _pid(identity)
            row = self._connection.execute(_BEGAN, (identity.began, pid)).fetchone()
            if row is None or not row[0]:
                return "gone"
            blocks = self._connection.execute(_BLOCKS, (pid,)).fetchone()
            held = self._connection.execute(_HELD, (pid,)).fetchall()
        keeps_out = any(kind != "relation" or mode not in _HARMLESS for kind, mode in held)
        return "holding" if keeps_out or (blocks and blocks[0]) else "harmless"

    def _signal(self, how: str, identity: SessionIdentity) -> None:
        pid = _pid(identity)
        try:
            row = self._connection.execute(_SIGNAL[how], (pid, identity.began, list(_PEOPLES))).fetchone()
        except psycopg.errors.InsufficientPrivilege as error:
            # A superuser's session takes a superuser.
            lacking = ", ".join(self.privileges()) or "SUPERUSER"
            raise SessionsError("dba_privilege_missing", privilege=lacking) from error
        except psycopg.Error as error:
            raise SessionsError("kill_unknown", session=identity.key) from error
        if row is None:
            raise self._absent(pid, identity)

    def _absent(self, pid: int, identity: SessionIdentity) -> SessionsError:
        with self._spoken():
            row = self._connection.execute(_BEGAN, (identity.began, pid)).fetchone()
        if row is None:
            return SessionsError("session_ended", session=identity.key)
        if row[0] is None:
            return SessionsError("dba_privilege_missing", privilege="pg_read_all_stats")
        if row[0]:
            itself = pid == self._connection.info.backend_pid
            protection = "self" if itself else "system"
            return SessionsError("session_protected", session=identity.key, protection=protection)
        return SessionsError("session_replaced", session=identity.key)

    @contextmanager
    def _spoken(self) -> Iterator[None]:
        try:
            yield
        except psycopg.errors.InsufficientPrivilege as error:
            raise SessionsError("dba_privilege_missing", privilege=error.diag.message_primary or "?") from error
        except psycopg.Error as error:
            raise SessionsError("erp_away", detail=error.sqlstate or type(error).__name__) from error


def _pid(identity: SessionIdentity) -> int:
    if identity.key.startswith(PREPARED_PREFIX):
        raise SessionsError("session_prepared", gid=identity.key.removeprefix(PREPARED_PREFIX))
    if identity.began == _HIDDEN:
        raise SessionsError("dba_privilege_missing", privilege="pg_read_all_stats")
    try:
        datetime.fromisoformat(identity.began)
    except ValueError:
        raise SessionsError("session_unknown", session=identity.key[:80]) from None
    return _number(identity.key)


def _number(key: str) -> int:
    pid = int(key) if key.isascii() and key.isdigit() and len(key) < 11 else 0
    if not 0 < pid < 1 << 31:
        raise SessionsError("session_unknown", session=key[:80])
    return pid


def _concerned(holding: Holding, tables: Collection[str]) -> set[int | str]:
    """Who waits, who is waited for, and who has changed Malote's tables and not finished yet."""
    found: set[int | str] = set()
    for pid in holding.waiters():
        found |= {pid, *holding.blockers(pid)}
    for lock in holding.locks:
        if lock.pid is not None and _changes(lock, tables):
            found.add(lock.pid)
    for gid in holding.prepared:
        if any(_changes(lock, tables) for lock in holding.of_prepared(gid)):
            found.add(gid)
    return found


def _changes(lock: LockRow, tables: Collection[str]) -> bool:
    """Whether it holds one of these tables, for more than reading."""
    name = (lock.relation or "").rpartition(".")[2].strip('"')
    return lock.granted and name in tables and lock.mode not in _HARMLESS


class _Portraits:
    """The sessions as they are shown, from what was read at one moment."""

    def __init__(self, holding: Holding, known: dict[int, Activity], tables: Collection[str], own: int) -> None:
        self._holding = holding
        self._known = known
        self._tables = tables
        self._own = own
        self._contested: dict[int | str, set[str]] = defaultdict(set)
        for pid in holding.waiters():
            for blocker in holding.blockers(pid):
                self._contested[blocker].add(holding.object(pid))

    def all(self, named: Collection[int | str]) -> list[ErpSession]:
        processes = sorted(one for one in named if isinstance(one, int))
        gids = sorted(one for one in named if isinstance(one, str))
        return [
            *(self._of_process(self._known[pid]) for pid in processes if pid in self._known),
            *(self._of_prepared(self._holding.prepared[gid]) for gid in gids),
        ]

    def _of_process(self, one: Activity) -> ErpSession:
        wanted = self._holding.wanted(one.pid)
        state = one.state or ""
        return ErpSession(
            identity=self._identity(one.pid),
            user=one.user or "",
            machine=one.host or one.address or "",
            program=one.program or one.kind or "",
            state=state,
            transaction_age=one.transaction_age,
            query_age=one.query_age,
            waiting_age=wanted.waiting if wanted else None,
            lock_type=wanted.words if wanted else self._strongest(one.pid, self._holding.of(one.pid)),
            objects=self._objects(one.pid, self._holding.of(one.pid)),
            sql=masked(one.query or ""),
            blocked_by=tuple(self._identity(other) for other in self._holding.blockers(one.pid)),
            protection=self._protection(one),
            idle_in_transaction=state.startswith("idle in transaction"),
        )

    def _of_prepared(self, one: Prepared) -> ErpSession:
        locks = self._holding.of_prepared(one.gid)
        return ErpSession(
            identity=self._identity(one.gid),
            user=one.owner,
            machine="",
            program="",
            state="prepared",
            transaction_age=one.age,
            lock_type=self._strongest(one.gid, locks),
            objects=self._objects(one.gid, locks),
            protection="prepared",
        )

    def _identity(self, one: int | str) -> SessionIdentity:
        if isinstance(one, str):
            return SessionIdentity(PREPARED_PREFIX + one, self._holding.prepared[one].began)
        known = self._known.get(one)
        return SessionIdentity(str(one), (known and known.began) or _HIDDEN)

    def _objects(self, one: int | str, locks: Collection[LockRow]) -> tuple[str, ...]:
        """What it waits for and what others wait for; if nothing of that, which of Malote's tables it has changed."""
        wanted = {self._holding.object(one)} if isinstance(one, int) and self._holding.wanted(one) else set()
        named = (wanted | self._contested[one]) - {""}
        touched = {lock.relation for lock in locks if lock.relation and _changes(lock, self._tables)}
        return tuple(sorted(named or touched))

    def _strongest(self, one: int | str, locks: Collection[LockRow]) -> str:
        contested = self._contested[one]
        chosen = [lock for lock in locks if lock.relation in contested or lock.kind == "advisory"] or [
            lock for lock in locks if _changes(lock, self._tables)
        ]
        lock = reading.strongest(chosen or locks)
        return lock.words if lock else ""

    def _protection(self, one: Activity) -> Protection | None:
        """By what the server itself says of the session: what a program calls itself protects nobody."""
        kind = one.kind or ""
        if one.pid == self._own:
            return "self"
        if kind == "walsender" or kind.startswith("logical replication"):
            return "replication"
        if kind == "autovacuum worker" and "wraparound" in (one.query or ""):
            return "wraparound"
        # An autovacuum of another kind gives way by itself. The kind is "" where this login may not see it.
        if kind not in (*_PEOPLES, "") or one.user is None:
            return "system"
        return None


OPENED = PostgresqlSessions
HAS_SESSIONS = True
