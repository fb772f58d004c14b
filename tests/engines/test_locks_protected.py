"""Matar Sessão on a real PostgreSQL: what it must not end, and what it looks at again right before it does."""

import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from malote.accounts import audit
from malote.config import ErpSettings, Settings
from malote.erp.factory import open_erp
from malote.erp.mapping import ErpTables
from malote.erp.postgresql.locks import activity
from malote.erp.postgresql.sessions import PostgresqlSessions
from malote.erp.sessions.errors import SessionsError
from malote.erp.sessions.factory import named, names_of
from malote.erp.sessions.protocol import DbaLogin, SessionIdentity, Sessions
from malote.locks.lock_service import Locks
from malote.spool.presence import LASTS_SECONDS, PosterPresence, present
from malote.structures import database_update
from malote.structures.structure_service import Structures
from tests.engines.locks_kill_support import ACTOR, HOLD_ROW, REASON, ROW, blocked, root_of
from tests.engines.locks_support import (
    DBA,
    SETTINGS,
    WEAK,
    People,
    Person,
    by_program,
    tree_when,
    waiting_programs,
)
from tests.engines.posting_support import Shop, until
from tests.engines.spool_support import Clock

pytest_plugins = ["tests.engines.locks_fixtures"]
pytestmark = pytest.mark.postgresql

SUPERUSER = DbaLogin("postgres", "nao-perguntada")


def refused(locks: Locks, identity: SessionIdentity, login: DbaLogin = DBA, reason: str = REASON) -> SessionsError:
    with pytest.raises(SessionsError) as error:
        locks.kill_as(login, [identity], ACTOR, reason=reason)
    return error.value


@pytest.mark.parametrize("reason", ["", "   ", " a ", "\n\t."])
def test_without_a_reason_nobody_is_ended(locks: Locks, people: People, reason: str) -> None:
    holder, _ = blocked(people)
    assert refused(locks, root_of(locks), reason=reason).code == "lock_reason_needed"
    assert holder.connection.execute("SELECT 1").fetchone() == (1,)


def test_who_waits_is_no_root_and_is_ended_only_on_demand(locks: Locks, people: People) -> None:
    _, waiting = blocked(people)
    waiter = root_of(locks, "outro")
    assert refused(locks, waiter).code == "session_no_root"
    report = locks.kill_as(DBA, [waiter], ACTOR, reason=REASON, any_session=True)
    assert report.killed[0].outcome == "released"
    assert waiting.result(timeout=300) == "57014"


def poster_of(people: People, shop: Shop, program: str = "malote-77-abc") -> tuple[Person, PosterPresence]:
    """A poster as it makes itself known, in a session of its own."""
    person = people.person(program, "malote")
    presence = PosterPresence(shop.engine)
    presence.at(person.key, began_of(people, person))
    return person, presence


def began_of(people: People, person: Person) -> str:
    with psycopg.connect(superuser(people.url), autocommit=True) as other:
        return activity(other, [int(person.key)])[int(person.key)].began or ""


def alive(person: Person) -> bool:
    return bool(person.connection.execute("SELECT 1").fetchone() == (1,))


@pytest.mark.parametrize("program", ["malote-77-abc", "outro nome"])
def test_a_posters_session_is_never_ended(locks: Locks, people: People, shop: Shop, program: str) -> None:
    people.run(ROW)
    poster, _ = poster_of(people, shop, program)
    poster.does(HOLD_ROW)
    people.person("outro").tries(HOLD_ROW)
    identity = root_of(locks, program)
    error = refused(locks, identity)
    assert (error.code, error.facts["protection"]) == ("session_protected", "malote")
    with pytest.raises(SessionsError):
        locks.kill_as(DBA, [identity], ACTOR, reason=REASON, any_session=True)
    assert alive(poster)


def test_a_posters_session_outside_the_tree_is_never_ended(locks: Locks, people: People, shop: Shop) -> None:
    poster, _ = poster_of(people, shop)
    identity = SessionIdentity(poster.key, began_of(people, poster))
    with pytest.raises(SessionsError) as error:
        locks.kill_as(DBA, [identity], ACTOR, reason=REASON, any_session=True)
    assert (error.value.code, error.value.facts["protection"]) == ("session_protected", "malote")
    assert alive(poster)
    assert [one.action for one in audit.entries(shop.engine)] == ["till_created"]


def test_a_name_protects_nobody(locks: Locks, people: People, shop: Shop) -> None:
    """Anybody may call their program after Malote; a poster's number that was given to somebody else is no better."""
    people.run(ROW)
    pretender = people.person("malote-77-abc")
    PosterPresence(shop.engine).at(pretender.key, "2020-01-01T00:00:00.000000+00")
    pretender.does(HOLD_ROW)
    waiting = people.person("outro").tries(HOLD_ROW)
    report = locks.kill_as(DBA, [root_of(locks, "malote-77-abc")], ACTOR, reason=REASON)
    assert [one.outcome for one in report.killed] == ["ended"]
    assert waiting.result(timeout=300) == "done"


def test_what_a_dead_poster_left_behind_is_protected_no_longer(locks: Locks, people: People, shop: Shop) -> None:
    """It was killed without a word, and its machine is gone: the session lives on until the network notices."""
    people.run(ROW)
    clock = Clock()
    clock.now = time.time() - LASTS_SECONDS - 1
    orphan = people.person("malote-1-dead", "malote")
    PosterPresence(shop.engine, clock).at(orphan.key, began_of(people, orphan))
    orphan.does(HOLD_ROW)
    waiting = people.person("outro").tries(HOLD_ROW)
    locks.kill_as(DBA, [root_of(locks, "malote-1-dead")], ACTOR, reason=REASON)
    assert waiting.result(timeout=300) == "done"


def test_a_poster_at_work_is_known_before_it_locks_anything(locks: Locks, shop: Shop, people: People) -> None:
    """A real one, over the real adapter: its session stands in the store database while it posts, and not after."""
    presence = PosterPresence(shop.engine)
    erp = open_erp(named(shop.erp_url, "malote-9-x"), lock_timeout_seconds=5, introduce=presence.at)
    assert erp.ledger(["x"]) == {}
    with psycopg.connect(superuser(people.url), autocommit=True) as other:
        query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'malote-9-x'"
        (pid,) = other.execute(query).fetchone() or (0,)
        began = activity(other, [pid])[pid].began
    assert present(shop.engine, time.time()) == {(str(pid), began)}
    with pytest.raises(SessionsError) as error:
        locks.kill_as(DBA, [SessionIdentity(str(pid), began or "")], ACTOR, reason=REASON, any_session=True)
    assert error.value.facts["protection"] == "malote"
    erp.close()
    presence.close()
    assert present(shop.engine, time.time()) == frozenset()


def test_who_updates_a_structure_is_never_ended(
    locks: Locks, people: People, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits behind somebody, with its session known as Malote's for as long as that takes, and not afterwards."""
    monkeypatch.setattr(database_update, "BEAT_SECONDS", 0.05)
    people.run("ALTER TABLE sale ALTER COLUMN consumer SET NOT NULL")
    reader = people.holding("SELECT count(*) FROM sale")
    clock = Clock()
    clock.now = time.time() - LASTS_SECONDS / 2
    services = Structures(shop.engine, Settings(home=str(tmp_path), erp=ErpSettings(url=people.url)), clock=clock)
    run_id = services.start("erp", ACTOR)
    until(lambda: bool(present(shop.engine, clock.now)))
    clock.now += LASTS_SECONDS / 2
    until(lambda: bool(present(shop.engine, clock.now + LASTS_SECONDS * 0.9)))
    ((key, began),) = present(shop.engine, clock.now)
    with psycopg.connect(superuser(people.url), autocommit=True) as other:
        found = other.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'malote structures'")
        assert [str(pid) for (pid,) in found] == [key]
    with pytest.raises(SessionsError) as error:
        locks.kill_as(DBA, [SessionIdentity(key, began)], ACTOR, reason=REASON, any_session=True)
    assert error.value.facts["protection"] == "malote"
    reader.connection.rollback()
    until(lambda: (report := services.run(run_id)) is not None and report.state == "done")
    until(lambda: present(shop.engine, clock.now) == frozenset())


def test_a_poster_that_is_idle_stays_known(shop: Shop) -> None:
    clock = Clock()
    presence = PosterPresence(shop.engine, clock)
    presence.at("77", "2026-11-27T10:00:00.000000+00")
    for _ in range(20):
        clock.now += LASTS_SECONDS / 3
        presence.renew()
    assert present(shop.engine, clock.now) == {("77", "2026-11-27T10:00:00.000000+00")}
    presence.at("78", "2026-11-27T11:00:00.000000+00")  # it connected anew
    assert present(shop.engine, clock.now) == {("78", "2026-11-27T11:00:00.000000+00")}


@pytest.mark.parametrize("login", ["dba", "superuser"])
def test_processes_of_the_server_are_never_ended(locks: Locks, people: People, shop: Shop, login: str) -> None:
    """Autovacuum, checkpointer and writers block nobody in the tree, and were sent a cancel."""
    who = DBA if login == "dba" else SUPERUSER
    with psycopg.connect(superuser(people.url), autocommit=True) as other:
        query = "SELECT pid, backend_type FROM pg_stat_activity WHERE backend_type <> 'client backend'"
        kinds: dict[int, str] = dict(other.execute(query).fetchall())
        seen = activity(other, kinds)
    assert {"autovacuum launcher", "checkpointer", "walwriter"} <= set(kinds.values())
    for pid in kinds:
        identity = SessionIdentity(str(pid), seen[pid].began or "")
        with pytest.raises(SessionsError) as error:
            locks.kill_as(who, [identity], ACTOR, reason=REASON, any_session=True)
        assert (error.value.code, error.value.facts["protection"]) == (
            "session_protected",
            "replication" if kinds[pid].startswith("logical replication") else "system",
        )
        # Even past every check the statement itself would not reach it.
        sessions = PostgresqlSessions(make_url(people.url), who, [])
        with pytest.raises(SessionsError) as blunt:
            sessions.terminate(identity)
        assert blunt.value.code == "session_protected"
        sessions.close()
    assert [one.action for one in audit.entries(shop.engine)] == ["till_created"]


def test_who_is_in_no_tree_is_named_in_the_trail_all_the_same(locks: Locks, people: People, shop: Shop) -> None:
    bystander = people.person("relatório lento")
    bystander.does("SELECT 'Maria da Silva', 52998224725")
    identity = SessionIdentity(bystander.key, began_of(people, bystander))
    assert refused(locks, identity).code == "session_no_root"
    report = locks.kill_as(DBA, [identity], ACTOR, reason=REASON, any_session=True)
    assert report.killed[0].outcome in ("ended", "released")
    for entry in audit.entries(shop.engine)[:2]:
        told = entry.before
        assert (told["user"], told["program"], told["database_user"]) == ("gerente", "relatório lento", "dba")
        assert told["statement"].startswith("SELECT")
        assert "Maria" not in str(told)
        assert "52998224725" not in str(told)


def test_a_prepared_transaction_names_the_cure(locks: Locks, people: People) -> None:
    people.run(ROW)
    person = people.person("integracao")
    person.does(HOLD_ROW, "PREPARE TRANSACTION 'nota-1'")
    person.connection.commit()
    people.person("outro").tries(HOLD_ROW)
    identity = tree_when(locks, waiting_programs(1)).roots[0].identity
    error = refused(locks, identity)
    assert (error.code, error.facts) == ("session_prepared", {"gid": "nota-1"})
    people.run("ROLLBACK PREPARED 'nota-1'", user="gerente")


def test_a_session_that_ended_meanwhile_is_gone(locks: Locks, people: People) -> None:
    holder, waiting = blocked(people)
    identity = root_of(locks)
    holder.connection.close()
    assert waiting.result(timeout=300) == "done"
    report = locks.kill_as(DBA, [identity], ACTOR, reason=REASON)
    assert [one.outcome for one in report.killed] == ["gone"]


def test_a_number_that_is_another_sessions_by_now_is_left_alone(locks: Locks, people: People) -> None:
    holder, _ = blocked(people)
    root_of(locks)
    before = SessionIdentity(holder.key, "2020-01-01T00:00:00.000000+00")
    report = locks.kill_as(DBA, [before], ACTOR, reason=REASON, any_session=True)
    assert [one.outcome for one in report.killed] == ["replaced"]
    assert alive(holder)
    bystander = people.person("sem bloqueio")
    other = SessionIdentity(bystander.key, "2020-01-01T00:00:00.000000+00")
    report = locks.kill_as(DBA, [other], ACTOR, reason=REASON, any_session=True)
    assert [one.outcome for one in report.killed] == ["replaced"]
    assert alive(bystander)
    assert holder.connection.execute("SELECT 1").fetchone() == (1,)


def test_it_is_looked_at_again_right_before_the_kill(locks: Locks, people: People, shop: Shop) -> None:
    """Between the page and the click the number changed hands; between the first look and the signal, too."""
    holder, _ = blocked(people)
    identity = root_of(locks)

    class Late(PostgresqlSessions):
        def cancel(self, identity: SessionIdentity) -> None:
            super().cancel(SessionIdentity(identity.key, "2020-01-01T00:00:00.000000+00"))

    late = Locks(shop.engine, shop.erp_url, SETTINGS, open_erp_sessions=opener(Late))
    report = late.kill_as(DBA, [identity], ACTOR, reason=REASON)
    late.close()
    assert report.killed[0].outcome == "replaced"
    assert holder.connection.execute("SELECT 1").fetchone() == (1,)


def test_a_network_that_breaks_during_the_kill_leaves_it_open(locks: Locks, people: People, shop: Shop) -> None:
    blocked(people)
    identity = root_of(locks)

    class Cut(PostgresqlSessions):
        def terminate(self, identity: SessionIdentity) -> None:
            with psycopg.connect(superuser(people.url), autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", (self._connection.info.backend_pid,))
            super().terminate(identity)

    cut = Locks(shop.engine, shop.erp_url, SETTINGS, open_erp_sessions=opener(Cut))
    report = cut.kill_as(DBA, [identity], ACTOR, reason=REASON)
    cut.close()
    assert [(one.outcome, one.steps) for one in report.killed] == [("unknown", ("cancel",))]
    # It is looked at again over a new connection: still there, so it can be ended again.
    assert [node.identity for node in report.next] == [identity]
    assert locks.kill_as(DBA, [identity], ACTOR, reason=REASON).killed[0].outcome == "ended"


@pytest.mark.parametrize(
    ("granted", "lacking"), [("", "pg_read_all_stats"), ("pg_read_all_stats", "pg_signal_backend")]
)
def test_which_privilege_is_missing_is_said(locks: Locks, people: People, granted: str, lacking: str) -> None:
    holder, _ = blocked(people)
    root_of(locks)
    if granted:
        people.run(f"GRANT {granted} TO fraco", user="postgres")
    try:
        seen = by_program(locks.tree_as(WEAK))["retaguarda"].identity
        error = refused(locks, seen, WEAK)
        assert (error.code, error.facts) == ("dba_privilege_missing", {"privilege": lacking})
    finally:
        people.run("REVOKE pg_read_all_stats FROM fraco", user="postgres")
    assert holder.connection.execute("SELECT 1").fetchone() == (1,)


def test_a_superusers_session_takes_a_superuser(locks: Locks, people: People) -> None:
    people.run(ROW)
    people.person("console", "postgres").does(HOLD_ROW)
    people.person("outro").tries(HOLD_ROW)
    error = refused(locks, root_of(locks, "console"))
    assert (error.code, error.facts) == ("dba_privilege_missing", {"privilege": "SUPERUSER"})


def opener(kind: type[PostgresqlSessions]) -> Any:
    def opened(url: str, login: DbaLogin | None, tables: ErpTables) -> Sessions:
        assert login is not None
        return kind(make_url(url), login, names_of(tables))

    return opened


def superuser(url: str) -> str:
    return url.replace("malote@", "postgres@")
