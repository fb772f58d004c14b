"""PostgreSQL's tables of sessions and locks, and what they say about who holds whom up. Reading only.

``pg_locks``, ``pg_blocking_pids`` and the names in ``pg_stat_activity`` are open to every user; times, states and
statements of other users' sessions only to members of ``pg_read_all_stats``.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, LiteralString

import msgspec
from msgspec.structs import replace

from malote.erp.postgresql.connecting import Connection

# From the weakest to the strongest.
MODES = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
_ESCAPED = re.compile(r"(?:\\x[0-9a-f]{2})+")
PREPARED = 0  # the process id by which PostgreSQL means any prepared transaction

_LOCKS: LiteralString = """
SELECT l.pid, l.virtualtransaction, l.locktype, l.mode, l.granted, l.transactionid::text,
       CASE WHEN l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            THEN l.relation::regclass::text END,
       l.page, l.tuple, l.classid::bigint, l.objid::bigint, l.objsubid, {waiting}
  FROM pg_locks l
 WHERE l.locktype <> 'virtualxid' OR NOT l.granted
"""
_WAITING: LiteralString = "extract(epoch FROM clock_timestamp() - l.waitstart)::float8"
_BLOCKING: LiteralString = (
    "SELECT pid, pg_blocking_pids(pid) FROM (SELECT DISTINCT pid FROM pg_locks WHERE NOT granted) AS waiting"
)
_ACTIVITY: LiteralString = """
SELECT pid, usename::text, application_name, client_addr::text, client_hostname, backend_type, state, query,
       to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.USOF'),
       extract(epoch FROM clock_timestamp() - xact_start)::float8,
       extract(epoch FROM clock_timestamp() - query_start)::float8
  FROM pg_stat_activity WHERE pid = ANY(%s)
"""
_PREPARED: LiteralString = """
SELECT transaction::text, gid, owner::text, to_char(prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.USOF'),
       extract(epoch FROM clock_timestamp() - prepared)::float8
  FROM pg_prepared_xacts WHERE database = current_database()
"""


class LockRow(msgspec.Struct, frozen=True):
    """One row of pg_locks; ``relation`` is a name, None where it belongs to another database."""

    pid: int | None
    virtual: str
    kind: str
    mode: str
    granted: bool
    transaction: str | None
    relation: str | None
    page: int | None
    tuple: int | None
    class_id: int | None
    object_id: int | None
    sub_id: int | None
    waiting: float | None  # seconds; None before PostgreSQL 14

    @property
    def words(self) -> str:
        return f"{self.kind} {self.mode}"


class Activity(msgspec.Struct, frozen=True):
    """One row of pg_stat_activity."""

    pid: int
    user: str | None
    program: str | None
    address: str | None
    host: str | None
    kind: str | None
    state: str | None
    query: str | None
    began: str | None
    transaction_age: float | None
    query_age: float | None


class Prepared(msgspec.Struct, frozen=True):
    transaction: str
    gid: str
    owner: str
    began: str
    age: float


class Holding:
    """Who holds and who waits, at one moment. Processes by their id; a prepared transaction by its gid."""

    def __init__(
        self, locks: Sequence[LockRow], blocking: Mapping[int, Iterable[int]], prepared: Sequence[Prepared]
    ) -> None:
        self.locks = locks
        self.prepared = {one.gid: one for one in prepared}
        self._blocking = blocking
        self._of: dict[int, list[LockRow]] = defaultdict(list)
        for lock in locks:
            if lock.pid is not None:
                self._of[lock.pid].append(lock)
        gids = {one.transaction: one.gid for one in prepared}
        # A prepared transaction's locks have no process; all carry the number that its own lock shows.
        named = {one.virtual: gids[one.transaction] for one in locks if one.pid is None and one.transaction in gids}
        self._prepared_locks = [(gid, one) for one in locks if one.pid is None and (gid := named.get(one.virtual))]

    def waiters(self) -> list[int]:
        return sorted(self._blocking)

    def of(self, pid: int) -> list[LockRow]:
        return self._of.get(pid, [])

    def of_prepared(self, gid: str) -> list[LockRow]:
        return [lock for name, lock in self._prepared_locks if name == gid]

    def wanted(self, pid: int) -> LockRow | None:
        """What it waits for; a process waits for one thing at a time."""
        return next((lock for lock in self.of(pid) if not lock.granted), None)

    def blockers(self, pid: int) -> list[int | str]:
        """Whom it waits for directly: those that hold, and those that stand in the queue before it."""
        found: list[int | str] = sorted({other for other in self._blocking.get(pid, ()) if other != PREPARED})
        if PREPARED in self._blocking.get(pid, ()):
            found += self._prepared_blockers(pid)
        return found

    def object(self, pid: int) -> str:
        """What it waits for, by name; "" where nothing tells."""
        wanted = self.wanted(pid)
        if wanted is None:
            return ""
        if wanted.kind == "advisory":
            return _advisory(wanted)
        if wanted.relation:
            return wanted.relation
        if wanted.kind == "transactionid":
            return self._row_of(pid, wanted)
        return wanted.kind

    def roots(self, pid: int) -> list[int | str]:
        """Those at the head of the queue that it stands in. In a ring, which has none, its direct blockers."""
        seen: set[int | str] = {pid}
        heads: list[int | str] = []
        pending = self.blockers(pid)
        while pending:
            one = pending.pop()
            if one in seen:
                continue
            seen.add(one)
            further = self.blockers(one) if isinstance(one, int) else []
            if further:
                pending += further
            else:
                heads.append(one)
        return heads or self.blockers(pid)

    def _row_of(self, pid: int, wanted: LockRow) -> str:
        """A row under another's change: who waits first for it holds a lock on its place, which names the table."""
        for lock in self.of(pid):
            if lock.kind == "tuple" and lock.relation:
                return lock.relation
        return ", ".join(self._common(pid, wanted))

    def _common(self, pid: int, wanted: LockRow) -> list[str]:
        """Tables that both have changed, of which one holds the key that both insert."""
        mine = {lock.relation for lock in self.of(pid) if lock.mode == "RowExclusiveLock" and lock.relation}
        holder = next((lock for lock in self.locks if lock.granted and lock.transaction == wanted.transaction), None)
        if holder is None:
            return sorted(mine)
        theirs = {lock.relation for lock in self.locks if lock.virtual == holder.virtual and lock.relation}
        return sorted(mine & theirs)

    def _prepared_blockers(self, pid: int) -> Iterator[str]:
        wanted = self.wanted(pid)
        if wanted is None:
            return
        for gid in self.prepared:
            if any(_same_thing(lock, wanted) for lock in self.of_prepared(gid)):
                yield gid


def _same_thing(held: LockRow, wanted: LockRow) -> bool:
    if wanted.kind == "transactionid":
        return held.transaction == wanted.transaction
    if wanted.kind == "advisory":
        return held.kind == "advisory" and _advisory(held) == _advisory(wanted)
    return wanted.relation is not None and held.relation == wanted.relation


def _advisory(lock: LockRow) -> str:
    """The key as it was given: one number of 64 bits, or two."""
    high, low = lock.class_id or 0, lock.object_id or 0
    if lock.sub_id == 2:
        return f"advisory {_signed(high, 32)},{_signed(low, 32)}"
    return f"advisory {_signed((high << 32) | low, 64)}"


def _signed(number: int, bits: int) -> int:
    return number - (1 << bits) if number >= 1 << (bits - 1) else number


def strongest(locks: Iterable[LockRow]) -> LockRow | None:
    """Of those that are held, the one that keeps most others out; one on a table before one on a row."""
    held = [lock for lock in locks if lock.granted]
    return max(held, key=lambda lock: (lock.kind == "relation", _rank(lock.mode)), default=None)


def _rank(mode: str) -> int:
    return MODES.index(mode) if mode in MODES else -1


def holding(connection: Connection) -> Holding:
    """As it is now. Raises ``psycopg.Error``."""
    waiting: LiteralString = _WAITING if connection.info.server_version >= 140000 else "NULL::float8"
    # The locks come last: who waits in them was waiting when the blockers were asked for, or began after that.
    blocking = {pid: list(by) for pid, by in connection.execute(_BLOCKING) if pid is not None}
    locks = [LockRow(*row) for row in connection.execute(_LOCKS.replace("{waiting}", waiting))]
    unfinished = any(lock.pid is None for lock in locks)
    prepared = [Prepared(*row) for row in connection.execute(_PREPARED)] if unfinished else []
    return Holding(locks, blocking, prepared)


def activity(connection: Connection, pids: Iterable[int]) -> dict[int, Activity]:
    """By process id; who has ended in the meantime is absent. Raises ``psycopg.Error``."""
    rows: list[tuple[Any, ...]] = connection.execute(_ACTIVITY, (sorted(pids),)).fetchall()
    return {row[0]: _readable(Activity(*row)) for row in rows}


def _readable(one: Activity) -> Activity:
    """PostgreSQL keeps a program's name in ASCII, other letters as their bytes in hexadecimal."""
    if not one.program or "\\x" not in one.program:
        return one
    return replace(one, program=_ESCAPED.sub(_letters, one.program))


def _letters(escaped: re.Match[str]) -> str:
    try:
        return bytes.fromhex(escaped.group().replace("\\x", "")).decode()
    except UnicodeDecodeError:
        return escaped.group()
