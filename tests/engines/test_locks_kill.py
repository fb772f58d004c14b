"""Matar Sessão on a real PostgreSQL: what it ends, what it leaves in the trail, and how long a login is kept."""

import time
from pathlib import Path

import psycopg
import pytest

from malote.accounts import audit
from malote.database.errors import StoreError
from malote.erp.sessions.errors import SessionsError
from malote.erp.sessions.protocol import DbaLogin
from malote.locks.lock_service import Locks
from tests.engines.locks_kill_support import ACTOR, HOLD_ROW, REASON, ROW, blocked, root_of
from tests.engines.locks_support import (
    DBA,
    SETTINGS,
    People,
    tree_when,
    waiting_programs,
)
from tests.engines.posting_support import Shop
from tests.engines.spool_support import Clock

pytest_plugins = ["tests.engines.locks_fixtures"]
pytestmark = pytest.mark.postgresql


# ---- what is ended ----


def test_an_idle_blocker_is_ended_and_who_waited_goes_on(locks: Locks, people: People) -> None:
    holder, waiting = blocked(people)
    report = locks.kill_as(DBA, [root_of(locks)], ACTOR, reason=REASON)
    assert [(one.outcome, one.steps) for one in report.killed] == [("ended", ("cancel", "terminate"))]
    assert waiting.result(timeout=300) == "done"
    assert report.next == []
    with pytest.raises(psycopg.OperationalError):
        holder.connection.execute("SELECT 1")


def test_what_runs_is_cancelled_and_its_session_lives_on_without_locks(locks: Locks, people: People) -> None:
    people.run(ROW)
    holder = people.holding(HOLD_ROW)
    running = holder.tries("SELECT pg_sleep(600)")
    waiting = people.person("outro").tries(HOLD_ROW)
    report = locks.kill_as(DBA, [root_of(locks)], ACTOR, reason=REASON)
    assert [(one.outcome, one.steps) for one in report.killed] == [("released", ("cancel",))]
    assert running.result(timeout=300) == "57014"
    assert waiting.result(timeout=300) == "done"


def test_the_next_in_the_queue_is_shown_since_it_blocks_now(locks: Locks, people: People) -> None:
    people.run(*(f"INSERT INTO stock VALUES ('1', '{n}', 5)" for n in range(3)))
    chain = [people.holding(f"UPDATE stock SET quantity = 0 WHERE product_code = '{n}'", f"p{n}") for n in range(3)]
    tried = [chain[n].tries(f"UPDATE stock SET quantity = 0 WHERE product_code = '{n - 1}'") for n in (1, 2)]
    tree = tree_when(locks, waiting_programs(2))
    report = locks.kill_as(DBA, [tree.roots[0].identity], ACTOR, reason=REASON)
    assert tried[0].result(timeout=300) == "done"
    assert report.tree is not None
    after = tree_when(locks, lambda seen: [n.session.program for n in seen.roots] == ["p1"])
    assert after.roots[0].waiters == 1


def test_several_roots_at_once(locks: Locks, people: People) -> None:
    people.run("INSERT INTO stock VALUES ('1', '1', 5), ('1', '2', 5)")
    for n in (1, 2):
        people.holding(f"UPDATE stock SET quantity = 0 WHERE product_code = '{n}'", f"p{n}")
    waiting = [
        people.person(f"w{n}").tries(f"UPDATE stock SET quantity = 1 WHERE product_code = '{n}'") for n in (1, 2)
    ]
    tree = tree_when(locks, waiting_programs(2))
    assert len(tree.roots) == 2
    report = locks.kill_as(DBA, [node.identity for node in tree.roots], ACTOR, reason=REASON)
    assert [one.outcome for one in report.killed] == ["ended", "ended"]
    assert [one.result(timeout=300) for one in waiting] == ["done", "done"]


def test_a_dry_run_ends_nobody(locks: Locks, people: People) -> None:
    holder, _ = blocked(people)
    report = locks.kill_as(DBA, [root_of(locks)], ACTOR, reason=REASON, dry_run=True)
    assert [(one.outcome, one.steps) for one in report.killed] == [("planned", ())]
    assert holder.connection.execute("SELECT 1").fetchone() == (1,)
    assert [node.session.program for node in report.next] == ["retaguarda"]


# ---- the trail ----


def test_who_ended_whom_and_why_is_in_the_trail(locks: Locks, people: People, shop: Shop, tmp_path: Path) -> None:
    holder, _ = blocked(people)
    signed_in = locks.sign_in("visit", DBA, ACTOR)
    assert (signed_in.user, signed_in.missing, signed_in.password_asked) == ("dba", [], True)
    locks.kill("visit", [root_of(locks)], ACTOR, reason=f"  {REASON} ")
    entries = list(reversed(audit.entries(shop.engine)))
    assert [(one.action, one.object) for one in entries][-3:] == [
        ("dba_signed_in", "erp_user:dba"),
        ("session_kill_ordered", f"erp_session:{holder.key}"),
        ("session_killed", f"erp_session:{holder.key}"),
    ]
    ordered, killed = entries[-2:]
    assert (ordered.actor, ordered.address, ordered.reason) == ("maria", "10.0.0.7", REASON)
    assert (ordered.before["user"], ordered.before["program"], ordered.before["database_user"]) == (
        "gerente",
        "retaguarda",
        "dba",
    )
    assert killed.after == {"outcome": "ended", "steps": ["cancel", "terminate"], "database_user": "dba"}
    assert audit.verify(shop.engine) is None
    shop.engine.dispose()
    for file in tmp_path.iterdir():
        assert DBA.reveal().encode() not in file.read_bytes()


def test_what_cannot_be_written_down_is_not_done(locks: Locks, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    holder, _ = blocked(people)
    identity = root_of(locks)

    def fail(*_: object, **__: object) -> int:
        raise StoreError("disk_full", detail="test")

    monkeypatch.setattr(audit, "record", fail)
    with pytest.raises(StoreError):
        locks.kill_as(DBA, [identity], ACTOR, reason=REASON)
    assert holder.connection.execute("SELECT 1").fetchone() == (1,)


# ---- visits ----


def test_a_login_is_kept_for_its_visit_and_no_longer(shop: Shop) -> None:
    clock = Clock()
    locks = Locks(shop.engine, shop.erp_url, SETTINGS, clock=clock)
    with pytest.raises(SessionsError) as needed:
        locks.tree("visit")
    assert needed.value.code == "dba_login_needed"
    locks.sign_in("visit", DBA, ACTOR)
    assert locks.tree("visit").nodes == []
    assert locks.signed_in("another visit") is None
    locks.sign_out("visit")
    assert locks.signed_in("visit") is None
    locks.sign_in("visit", DBA, ACTOR)
    clock.now += 601
    assert locks.signed_in("visit") is None
    with pytest.raises(SessionsError):
        locks.tree("visit")
    locks.close()


def test_a_login_goes_from_memory_by_itself(shop: Shop) -> None:
    from msgspec.structs import replace

    locks = Locks(shop.engine, shop.erp_url, replace(SETTINGS, login_minutes=0.001))
    locks.sign_in("visit", DBA, ACTOR)
    end = time.monotonic() + 300
    while locks._logins._kept and time.monotonic() < end:
        time.sleep(0.01)
    assert locks._logins._kept == {}
    locks.close()


def test_after_wrong_passwords_the_database_is_left_in_peace(shop: Shop) -> None:
    clock = Clock()
    locks = Locks(shop.engine, shop.erp_url, SETTINGS, clock=clock)
    for _ in range(3):
        assert code_of(locks, DbaLogin("dba", "errada")) == "dba_login_refused"
    assert code_of(locks, DbaLogin("DBA", "errada")) == "dba_login_throttled"
    assert code_of(locks, DBA) == "dba_login_throttled"
    clock.now += 61
    assert locks.sign_in("visit", DBA, ACTOR).user == "dba"
    trail = [(one.action, one.object) for one in audit.entries(shop.engine)]
    assert trail.count(("dba_login_refused", "erp")) == 3
    locks.close()


def code_of(locks: Locks, login: DbaLogin) -> str:
    with pytest.raises(SessionsError) as error:
        locks.sign_in("visit", login, ACTOR)
    return error.value.code
