"""Oracle's side: its statements parse as Oracle's, and its answers become the same tree. No Oracle runs here."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from malote.erp.oracle import sessions as oracle
from malote.erp.oracle.sessions import OracleSessions
from malote.erp.sessions.errors import SessionsError
from malote.erp.sessions.protocol import DbaLogin, SessionIdentity
from malote.locks.session_tree import guarded

ROW: dict[str, Any] = {
    "inst_id": 1,
    "sid": 153,
    "serial#": 20345,
    "began": "2026-11-24T08:00:00",
    "username": "WINTHOR",
    "machine": "PC01",
    "program": "PCSIS1402.EXE",
    "type": "USER",
    "status": "INACTIVE",
    "transaction_age": 640,
    "last_call_et": 600,
    "blocking_instance": None,
    "blocking_session": None,
    "waiting": None,
    "event": "SQL*Net message from client",
    "awaited": None,
    "sql_text": "UPDATE PCEST SET QTEST = 5 WHERE CODPROD = 7",
}
WAITER = ROW | {
    "sid": 77,
    "serial#": 5,
    "username": "MALOTE",
    "program": "malote-1-a",
    "status": "ACTIVE",
    "blocking_instance": 1,
    "blocking_session": 153,
    "waiting": 12.5,
    "event": "enq: TX - row lock contention",
    "awaited": "STOCK",
}


@pytest.mark.parametrize(
    "statement",
    [
        oracle.SESSIONS,
        oracle.ONE,
        oracle.LOCKED,
        oracle.OWN,
        oracle.STANDING,
        oracle.SAME_NUMBER,
        oracle.MAY_ALTER,
        *(f"SELECT COUNT(*) AS found FROM {view} WHERE ROWNUM < 1" for view in oracle.VIEWS),
    ],
)
def test_the_statements_are_oracles(statement: str) -> None:
    sqlglot = pytest.importorskip("sqlglot", reason="sqlglot is not installed: the statements are not parsed")
    parsed = sqlglot.parse_one(statement, read="oracle")
    assert parsed.key == "select"


class Driver:
    """Stands for python-oracledb: remembers what it is told, answers what it is given."""

    class Error(Exception):
        pass

    def __init__(self, answers: Mapping[str, Sequence[dict[str, Any]]]) -> None:
        self.answers = answers
        self.told: list[str] = []
        self.failing: dict[str, str] = {}

    def connect(self, **given: Any) -> "Connection":
        if given["password"] == "errada":
            raise self.Error(Code("ORA-01017"))
        return Connection(self)


class Code:
    def __init__(self, full_code: str) -> None:
        self.full_code = full_code


class Connection:
    call_timeout = 0
    module = ""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def cursor(self) -> "Cursor":
        return Cursor(self._driver)

    def close(self) -> None:
        pass


class Cursor:
    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._rows: Sequence[dict[str, Any]] = []

    def __enter__(self) -> "Cursor":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, statement: str, bound: object = None) -> None:
        self._driver.told.append(statement)
        for part, code in self._driver.failing.items():
            if part in statement:
                raise Driver.Error(Code(code))
        self._rows = self._driver.answers.get(statement, [])

    @property
    def description(self) -> list[tuple[str]]:
        return [(name.upper(),) for name in self._rows[0]] if self._rows else []

    def __iter__(self) -> Any:
        return iter([tuple(row.values()) for row in self._rows])


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = Driver(
        {
            oracle.SESSIONS: [ROW, WAITER],
            oracle.LOCKED: [
                {"inst_id": 1, "session_id": 153, "object_name": "STOCK", "locked_mode": 3},
                {"inst_id": 1, "session_id": 153, "object_name": "OUTRA", "locked_mode": 6},
            ],
            oracle.OWN: [{"inst": "1", "sid": "9"}],
            oracle.STANDING: [{"status": "INACTIVE", "taddr": b"1", "blocks": 1}],
            oracle.MAY_ALTER: [{"found": 1}],
            oracle.SAME_NUMBER: [{"found": 1}],
        }
    )
    monkeypatch.setattr(oracle, "_driver", lambda: made)
    return made


@pytest.fixture
def sessions(driver: Driver) -> OracleSessions:
    return opened("certa")


def opened(password: str) -> OracleSessions:
    from sqlalchemy import make_url

    url = make_url("oracle+oracledb://malote:s3cr3t@erp:1521/?service_name=WINT")
    return OracleSessions(url, DbaLogin("SYSTEM", password), ["stock", "sale"])


IDENTITY = SessionIdentity("1,153,20345", "2026-11-24T08:00:00")


def test_who_blocks_whom(sessions: OracleSessions) -> None:
    root, waiter = sessions.tree()
    assert (root.identity, root.user, root.program, root.state) == (
        IDENTITY,
        "WINTHOR",
        "PCSIS1402.EXE",
        "inactive in transaction",
    )
    assert (root.idle_in_transaction, root.objects, root.lock_type) == (True, ("STOCK",), "row exclusive")
    assert root.sql == "UPDATE PCEST SET QTEST = ? WHERE CODPROD = ?"
    assert (waiter.blocked_by, waiter.objects, waiter.protection) == (
        (IDENTITY,),
        ("STOCK",),
        None,
    )  # a name is no proof
    assert (waiter.lock_type, waiter.waiting_age) == ("enq: TX - row lock contention", 12.5)


def test_one_session_is_found_in_the_tree_or_not(sessions: OracleSessions, driver: Driver) -> None:
    driver.answers = {**driver.answers, oracle.ONE: [ROW | {"type": "BACKGROUND", "serial#": 9, "program": "malote-1"}]}
    found = sessions.find(IDENTITY.key)
    assert found is not None
    assert (found.identity.key, found.protection) == ("1,153,9", "system")
    driver.answers = {**driver.answers, oracle.ONE: []}
    assert sessions.find(IDENTITY.key) is None


def test_a_posters_session_is_known_by_its_numbers_alone(sessions: OracleSessions) -> None:
    """SERIAL# is never given to a SID twice, so that the posters need no privilege to say where they work."""
    root = sessions.tree()[0]
    assert guarded(root, {(IDENTITY.key, "")}).protection == "malote"
    assert guarded(root, {("1,153,20344", "")}).protection is None


def test_orders_name_the_session_whole(sessions: OracleSessions, driver: Driver) -> None:
    sessions.cancel(IDENTITY)
    assert driver.told[-1] == "ALTER SYSTEM CANCEL SQL '153, 20345, @1'"
    sessions.terminate(IDENTITY)
    assert driver.told[-1] == "ALTER SYSTEM KILL SESSION '153,20345,@1' IMMEDIATE"


@pytest.mark.parametrize("key", ["1,153", "1,153,5'; DROP USER X; --", "1,153,-5", "1,153,²", "", "a,b,c"])
def test_nothing_but_numbers_goes_into_an_order(sessions: OracleSessions, driver: Driver, key: str) -> None:
    with pytest.raises(SessionsError) as unknown:
        sessions.terminate(SessionIdentity(key, "2026-11-24T08:00:00"))
    assert unknown.value.code == "session_unknown"
    assert driver.told == []


@pytest.mark.parametrize(
    ("ora", "code"),
    [
        ("ORA-00030", "session_ended"),
        ("ORA-01031", "dba_privilege_missing"),
        ("ORA-00027", "session_protected"),
        ("DPY-4011", "kill_unknown"),
    ],
)
def test_what_oracle_answers_is_told_apart(sessions: OracleSessions, driver: Driver, ora: str, code: str) -> None:
    driver.failing["KILL SESSION"] = ora
    with pytest.raises(SessionsError) as refused:
        sessions.terminate(IDENTITY)
    assert refused.value.code == code


def test_one_that_is_marked_already_is_on_its_way(sessions: OracleSessions, driver: Driver) -> None:
    driver.failing["KILL SESSION"] = "ORA-00031"
    sessions.terminate(IDENTITY)


@pytest.mark.parametrize(("found", "code"), [(1, "session_replaced"), (0, "session_ended")])
def test_one_that_is_gone(sessions: OracleSessions, driver: Driver, found: int, code: str) -> None:
    driver.answers = {**driver.answers, oracle.STANDING: [], oracle.SAME_NUMBER: [{"found": found}]}
    assert sessions.alive(IDENTITY) == "gone"
    with pytest.raises(SessionsError) as refused:
        sessions.cancel(IDENTITY)
    assert refused.value.code == code
    assert not any("ALTER SYSTEM" in told for told in driver.told)


def test_privileges_that_are_missing(sessions: OracleSessions, driver: Driver) -> None:
    driver.failing["FROM dba_objects"] = "ORA-00942"
    driver.answers = {**driver.answers, oracle.MAY_ALTER: [{"found": 0}]}
    assert sessions.privileges() == ["SELECT ON dba_objects", "ALTER SYSTEM"]


def test_a_wrong_password(driver: Driver) -> None:
    with pytest.raises(SessionsError) as refused:
        opened("errada")
    assert (refused.value.code, refused.value.facts) == (
        "dba_login_refused",
        {"user": "SYSTEM", "detail": "ORA-01017"},
    )
