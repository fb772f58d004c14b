"""Who blocks whom on a real PostgreSQL, with real sessions that hold and wait."""

import psycopg
import pytest

from malote.erp.sessions.errors import SessionsError
from malote.erp.sessions.factory import open_sessions
from malote.erp.sessions.protocol import DbaLogin, SessionIdentity
from malote.locks.lock_service import Locks
from malote.spool.presence import PosterPresence
from tests.engines.locks_support import DBA, WEAK, People, by_program, tree_when, waiting_programs
from tests.engines.posting_support import Shop

pytest_plugins = ["tests.engines.locks_fixtures"]
pytestmark = pytest.mark.postgresql

ROW = "INSERT INTO stock VALUES ('11222333000181', '1001', 5)"
HOLD_ROW = "UPDATE stock SET quantity = quantity - 1 WHERE product_code = '1001'"


def test_a_row_of_the_stock_under_change(locks: Locks, people: People, shop: Shop) -> None:
    people.run(ROW)
    holder = people.holding(HOLD_ROW)
    waiter = people.person("malote-1-a", "malote")
    waiter.tries(HOLD_ROW)
    identity = by_program(tree_when(locks, waiting_programs(1)))["malote-1-a"].identity
    PosterPresence(shop.engine).at(identity.key, identity.began)  # as a poster makes itself known: a name is no proof
    tree = locks.tree_as(DBA)
    root, blocked = by_program(tree)["retaguarda"], by_program(tree)["malote-1-a"]
    assert tree.nodes == [root, blocked]
    assert (root.root, root.marked, root.depth, root.waiters, root.killable) == (True, True, 0, 1, True)
    assert (blocked.root, blocked.marked, blocked.depth, blocked.killable_anyway) == (False, True, 1, False)
    session = root.session
    assert (session.identity.key, session.user, session.program) == (holder.key, "gerente", "retaguarda")
    assert (session.state, session.idle_in_transaction) == ("idle in transaction", True)
    assert session.objects == ("stock",)
    assert session.lock_type == "relation RowExclusiveLock"
    assert session.sql == "UPDATE stock SET quantity = quantity - ? WHERE product_code = '…'"
    assert session.transaction_age is not None
    assert session.transaction_age > 0
    assert blocked.session.protection == "malote"
    assert blocked.session.objects == ("stock",)
    assert blocked.session.blocked_by == (session.identity,)
    assert blocked.session.waiting_age is not None


def test_a_whole_table_held(locks: Locks, people: People) -> None:
    people.holding("LOCK TABLE stock IN EXCLUSIVE MODE")
    people.person("malote-1-a", "malote").tries(HOLD_ROW)
    people.person("outro").tries(HOLD_ROW)
    tree = tree_when(locks, waiting_programs(2))
    root = tree.roots[0]
    assert (root.session.program, root.session.lock_type) == ("retaguarda", "relation ExclusiveLock")
    assert [node.session.program for node in tree.roots] == ["retaguarda"]
    assert root.waiters == 2
    assert by_program(tree)["outro"].session.lock_type == "relation RowExclusiveLock"


def test_a_reader_that_went_idle_and_an_alter_table_pile_everybody_up(locks: Locks, people: People) -> None:
    people.holding("SELECT * FROM stock", "relatorio")
    people.person("atualizador", "malote").tries("ALTER TABLE stock ADD COLUMN shelf text")
    tree_when(locks, waiting_programs(1))
    people.person("malote-1-a", "malote").tries(HOLD_ROW)
    people.person("consulta").tries("SELECT * FROM stock")
    tree = tree_when(locks, waiting_programs(3))
    assert {node.session.program: node.depth for node in tree.nodes} == {
        "relatorio": 0,
        "atualizador": 1,
        "malote-1-a": 2,
        "consulta": 2,
    }
    root = tree.roots[0]
    assert (root.session.program, root.waiters, root.session.lock_type) == (
        "relatorio",
        3,
        "relation AccessShareLock",
    )
    assert root.session.idle_in_transaction


@pytest.mark.parametrize(
    ("call", "name"),
    [("pg_advisory_lock(-42)", "advisory -42"), ("pg_advisory_lock(7, -9)", "advisory 7,-9")],
)
def test_an_advisory_lock(locks: Locks, people: People, call: str, name: str) -> None:
    people.holding(f"SELECT {call}")
    people.person("rotina").tries(f"SELECT {call}")
    tree = tree_when(locks, waiting_programs(1))
    assert by_program(tree)["retaguarda"].session.objects == (name,)
    assert by_program(tree)["retaguarda"].session.lock_type == "advisory ExclusiveLock"
    assert by_program(tree)["rotina"].session.objects == (name,)


def test_a_chain_of_five(locks: Locks, people: People) -> None:
    people.run(*(f"INSERT INTO stock VALUES ('1', '{n}', 5)" for n in range(5)))
    chain = [people.holding(f"UPDATE stock SET quantity = 0 WHERE product_code = '{n}'", f"p{n}") for n in range(5)]
    for n in range(1, 5):
        chain[n].tries(f"UPDATE stock SET quantity = 0 WHERE product_code = '{n - 1}'")
    tree = tree_when(locks, waiting_programs(4))
    assert [(node.session.program, node.depth, node.waiters) for node in tree.nodes] == [
        (f"p{n}", n, 4 - n) for n in range(5)
    ]
    assert [node.root for node in tree.nodes] == [True, False, False, False, False]


def test_two_inserts_of_one_key(locks: Locks, people: People) -> None:
    people.holding(ROW)
    people.person("outro").tries(ROW)
    tree = tree_when(locks, waiting_programs(1))
    assert by_program(tree)["outro"].session.objects == ("stock",)


def test_a_prepared_transaction_is_shown_and_says_what_to_do(locks: Locks, people: People) -> None:
    people.run(ROW)
    person = people.person("integracao", "gerente")
    person.does(HOLD_ROW, "PREPARE TRANSACTION 'nota-4711'")
    person.connection.commit()
    people.person("malote-1-a", "malote").tries(HOLD_ROW)
    tree = tree_when(locks, waiting_programs(1))
    root = tree.roots[0]
    assert (root.identity.key, root.session.user, root.session.protection) == (
        "prepared:nota-4711",
        "gerente",
        "prepared",
    )
    assert root.session.objects == ("stock",)
    assert (root.waiters, root.killable, root.killable_anyway) == (1, False, False)
    people.run("ROLLBACK PREPARED 'nota-4711'", user="gerente")
    tree_when(locks, lambda tree: not tree.roots)


def test_a_prepared_transaction_that_holds_a_table(locks: Locks, people: People) -> None:
    person = people.person("integracao")
    person.does("LOCK TABLE stock IN EXCLUSIVE MODE", "PREPARE TRANSACTION 'fechamento'")
    person.connection.commit()
    people.person("outro").tries(HOLD_ROW)
    tree = tree_when(locks, waiting_programs(1))
    assert [node.identity.key for node in tree.roots] == ["prepared:fechamento"]
    people.run("ROLLBACK PREPARED 'fechamento'", user="gerente")


def test_who_only_holds_a_lock_on_malotes_tables_is_listed_without_a_mark(locks: Locks, people: People) -> None:
    people.run(ROW)
    people.holding(HOLD_ROW)
    people.holding("SELECT * FROM sale", "relatorio")
    people.run("CREATE TABLE other (x int)", "GRANT ALL ON other TO gerente")
    people.holding("INSERT INTO other VALUES (1)", "alheio")
    tree = locks.tree_as(DBA)
    assert [(node.session.program, node.marked, node.root) for node in tree.nodes] == [("retaguarda", False, False)]


# ---- logins ----


def test_a_wrong_password_is_refused_and_never_repeated(locks: Locks) -> None:
    with pytest.raises(SessionsError) as refused:
        locks.tree_as(DbaLogin("dba", "errada"))
    assert (refused.value.code, refused.value.facts["user"]) == ("dba_login_refused", "dba")
    assert "errada" not in str(refused.value)
    assert DBA.reveal() not in repr(DBA)


def test_a_name_counts_as_in_sql_where_no_role_has_it_as_it_was_typed(locks: Locks) -> None:
    locks.tree_as(DbaLogin(DBA.user.upper(), DBA.reveal()))
    with pytest.raises(SessionsError) as refused:
        locks.tree_as(DbaLogin(DBA.user.upper(), "errada"))
    assert refused.value.code == "dba_login_refused"


@pytest.mark.parametrize("login", [DbaLogin("ninguem", "x"), DbaLogin("dba", ""), DbaLogin("", "x")])
def test_nobody_and_no_password(locks: Locks, login: DbaLogin) -> None:
    with pytest.raises(SessionsError) as refused:
        locks.tree_as(login)
    assert refused.value.code == "dba_login_refused"


def test_an_erp_that_is_away_is_not_a_wrong_password() -> None:
    with pytest.raises(SessionsError) as away:
        open_sessions("postgresql://malote:s3cr3t@127.0.0.1:1/erp", DBA)
    assert away.value.code == "erp_away"
    assert "s3cr3t" not in str(away.value)


def test_missing_privileges_are_named_and_what_can_be_seen_is_shown(locks: Locks, people: People) -> None:
    people.holding("LOCK TABLE stock IN EXCLUSIVE MODE")
    people.person("outro").tries(HOLD_ROW)
    tree_when(locks, waiting_programs(1))
    sessions = open_sessions(people.url, WEAK)
    try:
        assert sessions.privileges() == ["pg_read_all_stats", "pg_signal_backend"]
        assert sessions.password_asked
        seen = {one.program: one for one in sessions.tree()}
        assert (seen["retaguarda"].user, seen["retaguarda"].state) == ("gerente", "")
        assert seen["retaguarda"].sql == "<insufficient privilege>"
        assert seen["outro"].blocked_by == (seen["retaguarda"].identity,)
        with pytest.raises(SessionsError) as refused:
            sessions.terminate(seen["retaguarda"].identity)
        assert (refused.value.code, refused.value.facts) == (
            "dba_privilege_missing",
            {"privilege": "pg_read_all_stats"},
        )
    finally:
        sessions.close()


def test_all_privileges(people: People) -> None:
    sessions = open_sessions(people.url, DBA)
    assert sessions.privileges() == []
    assert sessions.busy() is None
    sessions.close()


@pytest.mark.parametrize("key", ["0", "-1", "99999999999", "abc", "1; DROP TABLE stock", ""])
def test_what_is_no_session_is_not_looked_for(people: People, key: str) -> None:
    sessions = open_sessions(people.url, DBA)
    with pytest.raises(SessionsError) as unknown:
        sessions.terminate(SessionIdentity(key, "2026-01-01T00:00:00+00"))
    assert unknown.value.code == "session_unknown"
    sessions.close()


def test_a_session_with_the_number_of_another_is_left_alone(people: People) -> None:
    person = people.holding("SELECT 1")
    sessions = open_sessions(people.url, DBA)
    with pytest.raises(SessionsError) as replaced:
        sessions.terminate(SessionIdentity(person.key, "2020-01-01T00:00:00.000000+00"))
    assert replaced.value.code == "session_replaced"
    assert person.connection.execute("SELECT 1").fetchone() == (1,)
    sessions.close()


def test_a_connection_that_breaks_is_said(people: People) -> None:
    person = people.holding("SELECT 1")
    sessions = open_sessions(people.url, DBA)
    with psycopg.connect(people.url.replace("malote@", "postgres@"), autocommit=True) as owner:
        owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'malote-locks'")
    with pytest.raises(SessionsError) as cut:
        sessions.cancel(SessionIdentity(person.key, "2020-01-01T00:00:00+00"))
    assert cut.value.code == "kill_unknown"
    with pytest.raises(SessionsError) as away:
        sessions.tree()
    assert away.value.code == "erp_away"
    sessions.close()
