"""Sessions and locks on Oracle, through python-oracledb in its thin mode (no client to install).

Its statements are parsed in the tests with an Oracle grammar. They run only where an Oracle is: nothing here is claimed
as tried before `malote erp verify` said so.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import msgspec
from sqlalchemy import URL

from malote.erp.sessions.errors import SessionsError
from malote.erp.sessions.masking import masked
from malote.erp.sessions.protocol import DbaLogin, ErpSession, Protection, SessionIdentity, Standing

_SEEN = """
SELECT s.inst_id, s.sid, s.serial#, TO_CHAR(s.logon_time, 'YYYY-MM-DD"T"HH24:MI:SS') AS began, s.username, s.machine,
       NVL(s.module, s.program) AS program, s.type, s.status,
       (SYSDATE - t.start_date) * 86400 AS transaction_age, s.last_call_et, s.blocking_instance, s.blocking_session,
       CASE WHEN s.blocking_session IS NOT NULL THEN s.wait_time_micro / 1000000 END AS waiting, s.event,
       o.object_name AS awaited, q.sql_text
  FROM gv$session s
  LEFT JOIN gv$transaction t ON t.inst_id = s.inst_id AND t.addr = s.taddr
  LEFT JOIN dba_objects o ON o.object_id = s.row_wait_obj# AND s.blocking_session IS NOT NULL
  LEFT JOIN gv$sql q ON q.inst_id = s.inst_id AND q.sql_id = NVL(s.sql_id, s.prev_sql_id)
                    AND q.child_number = NVL(s.sql_child_number, s.prev_child_number)
"""
_CONCERNED = """
 WHERE s.blocking_session IS NOT NULL
    OR EXISTS (SELECT 1 FROM gv$locked_object l WHERE l.inst_id = s.inst_id AND l.session_id = s.sid)
    OR EXISTS (SELECT 1 FROM gv$session w WHERE w.blocking_instance = s.inst_id AND w.blocking_session = s.sid)
"""
SESSIONS = _SEEN + _CONCERNED
ONE = _SEEN + " WHERE s.inst_id = :inst AND s.sid = :sid"
# LMODE and LOCKED_MODE in the words of Oracle's manual.
MODES = {0: "", 1: "null", 2: "row share", 3: "row exclusive", 4: "share", 5: "share row exclusive", 6: "exclusive"}
LOCKED = """
SELECT l.inst_id, l.session_id, o.object_name, l.locked_mode
  FROM gv$locked_object l
  JOIN dba_objects o ON o.object_id = l.object_id
"""
OWN = "SELECT SYS_CONTEXT('USERENV', 'INSTANCE') AS inst, SYS_CONTEXT('USERENV', 'SID') AS sid FROM dual"
STANDING = """
SELECT s.status, s.taddr,
       (SELECT COUNT(*) FROM gv$session w
         WHERE w.blocking_instance = s.inst_id AND w.blocking_session = s.sid) AS blocks
  FROM gv$session s
 WHERE s.inst_id = :inst AND s.sid = :sid AND s.serial# = :serial
   AND TO_CHAR(s.logon_time, 'YYYY-MM-DD"T"HH24:MI:SS') = :began
"""
SAME_NUMBER = "SELECT COUNT(*) AS found FROM gv$session s WHERE s.inst_id = :inst AND s.sid = :sid"
MAY_ALTER = "SELECT COUNT(*) AS found FROM session_privs WHERE privilege = 'ALTER SYSTEM'"
VIEWS = ("gv$session", "gv$transaction", "gv$locked_object", "gv$sql", "dba_objects")
# The identity is part of the order: SERIAL# is never given to a SID twice.
CANCEL = "ALTER SYSTEM CANCEL SQL '{sid}, {serial}, @{inst}'"
TERMINATE = "ALTER SYSTEM KILL SESSION '{sid},{serial},@{inst}' IMMEDIATE"

_REFUSED = {"ORA-01017", "ORA-28000", "ORA-28001", "ORA-01045", "ORA-28002", "ORA-01005"}
_UNPRIVILEGED = {"ORA-00942", "ORA-01031", "ORA-41900"}
_ENDED = {"ORA-00030", "ORA-00026"}
_UNDER_WAY = "ORA-00031"  # marked to be ended
_OWN_SESSION = "ORA-00027"


class SessionNumbers(msgspec.Struct, frozen=True):
    inst: int
    sid: int
    serial: int

    @property
    def key(self) -> str:
        return f"{self.inst},{self.sid},{self.serial}"


class OracleSessions:
    """See ``malote.erp.sessions.protocol.Sessions``."""

    engine = "oracle"
    password_asked = True

    def __init__(self, url: URL, login: DbaLogin, tables: Collection[str]) -> None:
        """``tables`` are the names of Malote's own. Raises ``SessionsError``."""
        self._tables = frozenset(name.upper() for name in tables)
        self._driver: Any = _driver()
        try:
            self._connection: Any = self._driver.connect(
                user=login.user, password=login.reveal(), dsn=_dsn(url), tcp_connect_timeout=5
            )
        except self._driver.Error as error:
            code = _code(error)
            if code in _REFUSED:
                raise SessionsError("dba_login_refused", user=login.user, detail=code) from None
            raise SessionsError("erp_away", detail=code) from None
        self._connection.call_timeout = 5000  # milliseconds
        self._connection.module = "malote-locks"

    def close(self) -> None:
        self._connection.close()

    def busy(self) -> None:
        return None

    def privileges(self) -> list[str]:
        lacking = [f"SELECT ON {view}" for view in VIEWS if not self._may_read(view)]
        if not self._ask(MAY_ALTER)[0]["found"]:
            lacking.append("ALTER SYSTEM")
        return lacking

    def find(self, key: str) -> ErpSession | None:
        """The one whose SID it is, with any SERIAL#: whoever asks compares the identities."""
        numbers = numbers_of(SessionIdentity(key, ""))
        return next(iter(self._portraits(self._ask(ONE, inst=numbers.inst, sid=numbers.sid))), None)

    def tree(self) -> list[ErpSession]:
        return self._portraits(self._ask(SESSIONS))

    def _portraits(self, rows: list[dict[str, Any]]) -> list[ErpSession]:
        locked: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
        for row in self._ask(LOCKED):
            locked[row["inst_id"], row["session_id"]].append(row)
        own = self._ask(OWN)[0]
        identities = {(row["inst_id"], row["sid"]): _identity(row) for row in rows}
        portraits = []
        for row in rows:
            place = row["inst_id"], row["sid"]
            by = identities.get((row["blocking_instance"], row["blocking_session"]))
            itself = place == (int(own["inst"]), int(own["sid"]))
            portraits.append(_portrait(row, self._named(locked[place]), by, itself=itself))
        return portraits

    def cancel(self, identity: SessionIdentity) -> None:
        self._alter(CANCEL, identity)

    def terminate(self, identity: SessionIdentity) -> None:
        self._alter(TERMINATE, identity)

    def alive(self, identity: SessionIdentity) -> Standing:
        numbers = numbers_of(identity)
        rows = self._ask(STANDING, **msgspec.structs.asdict(numbers), began=identity.began)
        if not rows:
            return "gone"
        # A session marked as killed may stay in the list until its program calls again.
        return "holding" if rows[0]["taddr"] or rows[0]["blocks"] else "harmless"

    def _alter(self, order: str, identity: SessionIdentity) -> None:
        numbers = numbers_of(identity)
        if self.alive(identity) == "gone":
            others = self._ask(SAME_NUMBER, inst=numbers.inst, sid=numbers.sid)[0]["found"]
            raise SessionsError("session_replaced" if others else "session_ended", session=identity.key)
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(order.format(**msgspec.structs.asdict(numbers)))
        except self._driver.Error as error:
            code = _code(error)
            if code == _UNDER_WAY:
                return
            if code in _ENDED:
                raise SessionsError("session_ended", session=identity.key) from error
            if code in _UNPRIVILEGED:
                raise SessionsError("dba_privilege_missing", privilege="ALTER SYSTEM") from error
            if code == _OWN_SESSION:
                raise SessionsError("session_protected", session=identity.key, protection="self") from error
            raise SessionsError("kill_unknown", session=identity.key) from error

    def _named(self, locked: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [lock for lock in locked if lock["object_name"].upper() in self._tables]

    def _may_read(self, view: str) -> bool:
        try:
            self._ask(f"SELECT COUNT(*) AS found FROM {view} WHERE ROWNUM < 1")  # noqa: S608 a name from VIEWS
        except SessionsError as error:
            if error.code == "dba_privilege_missing":
                return False
            raise
        return True

    def _ask(self, statement: str, **bound: Any) -> list[dict[str, Any]]:
        with self._spoken(), self._connection.cursor() as cursor:
            cursor.execute(statement, bound)
            names = [column[0].lower() for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    @contextmanager
    def _spoken(self) -> Iterator[None]:
        try:
            yield
        except self._driver.Error as error:
            code = _code(error)
            if code in _UNPRIVILEGED:
                raise SessionsError("dba_privilege_missing", privilege=", ".join(VIEWS)) from error
            raise SessionsError("erp_away", detail=code) from error


def numbers_of(identity: SessionIdentity) -> SessionNumbers:
    """Whole numbers and nothing else, since they become part of an order that takes no parameters."""
    parts = identity.key.split(",")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        raise SessionsError("session_unknown", session=identity.key[:80])
    return SessionNumbers(*(int(part) for part in parts))


def _portrait(
    row: dict[str, Any], locked: list[dict[str, Any]], by: SessionIdentity | None, *, itself: bool = False
) -> ErpSession:
    objects = {lock["object_name"] for lock in locked}
    objects |= {row["awaited"]} if row["awaited"] else set()
    strongest = max((lock["locked_mode"] for lock in locked), default=0)
    idle = row["status"] == "INACTIVE" and row["transaction_age"] is not None
    return ErpSession(
        identity=_identity(row),
        user=row["username"] or "",
        machine=row["machine"] or "",
        program=row["program"] or "",
        state=row["status"].lower() + (" in transaction" if idle else ""),
        transaction_age=_seconds(row["transaction_age"]),
        query_age=_seconds(row["last_call_et"]),
        waiting_age=_seconds(row["waiting"]),
        lock_type=row["event"] if by and row["event"] else MODES.get(strongest, ""),
        objects=tuple(sorted(objects)),
        sql=masked(row["sql_text"] or ""),
        blocked_by=(by,) if by else (),
        protection="self" if itself else _protection(row),
        idle_in_transaction=idle,
    )


def _protection(row: dict[str, Any]) -> Protection | None:
    return None if row["type"] == "USER" else "system"


def _identity(row: dict[str, Any]) -> SessionIdentity:
    return SessionIdentity(SessionNumbers(row["inst_id"], row["sid"], row["serial#"]).key, row["began"])


def _seconds(number: Any) -> float | None:
    return None if number is None else float(number)


def _dsn(url: URL) -> str:
    service = url.query.get("service_name") or url.database or ""
    return f"{url.host}:{url.port or 1521}/{service}"


def _code(error: Exception) -> str:
    return str(getattr(error.args[0], "full_code", "") if error.args else "") or type(error).__name__


def _driver() -> Any:
    try:
        return import_module("oracledb")
    except ImportError:
        raise SessionsError("sessions_unsupported", engine="Oracle (oracledb)") from None


OPENED = OracleSessions
HAS_SESSIONS = True
