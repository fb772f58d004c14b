"""The ERP on PostgreSQL when other sessions, the network or the server get in the way. Every fault is real."""

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url, text

from malote.erp.factory import open_erp
from malote.erp.faults import classify
from malote.erp.protocol import Erp, ErpError, Result
from malote.fiscal.documents import Document
from tests.engines.erp_support import Tables, post, results
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.posting_support import own_server, until
from tests.engines.sales import cancellation, contingency, number_void, postings, sale, supermarket

pytestmark = pytest.mark.postgresql


@pytest.fixture
def url() -> Iterator[str]:
    made = fresh_postgresql_url()
    yield made
    discard_postgresql(made)


@pytest.fixture
def tables(url: str) -> Iterator[Tables]:
    with opened(url) as erp:
        erp.create_structure()
    looked = Tables(url)
    yield looked
    looked.engine.dispose()


@contextmanager
def opened(url: str, *, lock: float = 5.0, statement: float = 30.0) -> Iterator[Erp]:
    erp = open_erp(url, lock_timeout_seconds=lock, statement_timeout_seconds=statement)
    try:
        yield erp
    finally:
        erp.close()


def refusal(erp: Erp, *documents: Document) -> ErpError:
    with pytest.raises(ErpError) as refused:
        post(erp, *documents)
    return refused.value


def trigger(tables: Tables, table: str, body: str) -> None:
    """Runs ``body`` (PL/pgSQL) for every row that goes into the table."""
    tables.run(
        f"CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NEW; END $$",
        f"CREATE TRIGGER act BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION act()",
    )


# ---- locks ----


@pytest.mark.parametrize(
    "held", ["SELECT 1 FROM stock FOR UPDATE", "LOCK TABLE sale_item IN SHARE MODE", "LOCK TABLE posting_key"]
)
def test_a_lock_that_is_held_too_long_is_waited_for_later(url: str, tables: Tables, held: str) -> None:
    with opened(url, lock=0.1) as erp, psycopg.connect(url) as other:
        post(erp, sale(1))
        other.execute(held.encode())
        error = refusal(erp, sale(2))
        assert (error.code, error.transient) == ("erp_locked", True)
        other.rollback()
        assert post(erp, sale(2)) == [Result.POSTED]
    assert tables.counts()["sale"] == 2


def test_a_deadlock_with_another_program_is_tried_again(url: str, tables: Tables) -> None:
    # The other session never looks for deadlocks, so that it is always ours that is chosen as the victim.
    address = make_url(url).update_query_dict({"options": "-c deadlock_timeout=2s"})
    with (
        opened(address.render_as_string(hide_password=False), lock=60) as erp,
        psycopg.connect(url) as other,
        ThreadPoolExecutor(1) as thread,
    ):
        post(erp, sale(1))
        other.execute("SET deadlock_timeout = '1h'")
        other.execute("SELECT 1 FROM stock FOR UPDATE")
        attempt = thread.submit(refusal, erp, sale(2))
        until(lambda: blocked_by(tables, other.info.backend_pid))
        other.execute("LOCK TABLE sale IN ACCESS EXCLUSIVE MODE")
        error = attempt.result(timeout=300)
        assert (error.code, error.transient) == ("erp_conflict", True)
        other.rollback()
        assert post(erp, sale(2)) == [Result.POSTED]


def test_a_real_serialization_failure_is_a_conflict(url: str, tables: Tables) -> None:
    tables.run("INSERT INTO stock VALUES ('x', 'y', 1)")
    with psycopg.connect(url) as one, psycopg.connect(url) as other:
        one.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        one.execute("SELECT quantity FROM stock")
        other.execute("UPDATE stock SET quantity = 2")
        other.commit()
        with pytest.raises(psycopg.Error) as refused:
            one.execute("UPDATE stock SET quantity = 3")
    error = classify(refused.value)
    assert (error.code, error.transient) == ("erp_conflict", True)


def test_a_statement_that_takes_too_long_is_tried_again(url: str, tables: Tables) -> None:
    trigger(tables, "stock", "PERFORM pg_sleep(60);")
    with opened(url, statement=0.2) as erp:
        error = refusal(erp, sale(1))
    assert (error.code, error.transient) == ("erp_slow", True)
    assert tables.counts()["sale"] == 0


# ---- what a server may answer ----


@pytest.mark.parametrize(
    ("state", "code", "transient"),
    [
        ("22001", "value_out_of_range", False),
        ("25006", "erp_read_only", True),
        ("53100", "erp_full", True),
        ("P0001", "erp_refused", False),
    ],
)
def test_a_state_that_a_trigger_raises_is_told_by_its_code(
    url: str, tables: Tables, state: str, code: str, transient: bool
) -> None:
    trigger(tables, "sale_item", f"RAISE EXCEPTION 'words with 52998224725' USING ERRCODE = '{state}';")
    with opened(url) as erp:
        error = refusal(erp, sale(1))
    assert (error.code, error.transient) == (code, transient)
    assert "sale_item" in error.detail
    assert "52998224725" not in str(error)
    assert set(tables.counts().values()) == {0}


def test_what_a_trigger_can_t_work_out_is_told_in_the_databases_words(url: str, tables: Tables) -> None:
    trigger(tables, "sale_item", "NEW.gross := NEW.gross / 0;")
    with opened(url) as erp:
        error = refusal(erp, sale(1))
    assert (error.code, error.transient, error.facts["said"]) == ("erp_refused", False, "division by zero")


def test_a_session_that_may_only_read_is_left_for_a_new_one(url: str, tables: Tables) -> None:
    """As one on a server that was put back in the second row: what was decided at its beginning holds to its end."""
    name = make_url(url).database
    with opened(url) as erp:
        tables.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        try:
            assert refusal(erp, sale(1)).code == "erp_read_only"
            told = erp.refused_writing()
            assert told is not None
            assert told.code == "erp_read_only"
        finally:
            tables.run(
                "SET default_transaction_read_only = off", f"ALTER DATABASE {name} RESET default_transaction_read_only"
            )
        assert post(erp, sale(1)) == [Result.POSTED]
        assert erp.refused_writing() is None


def test_a_user_without_privilege_keeps_the_sales_waiting(url: str, tables: Tables) -> None:
    role = f"clerk_{random.randrange(10**9)}"
    tables.run(f"CREATE ROLE {role} LOGIN", f"GRANT INSERT, SELECT ON posting_key TO {role}")
    with opened(make_url(url).set(username=role).render_as_string(hide_password=False)) as erp:
        error = refusal(erp, sale(1))
    assert (error.code, error.transient) == ("erp_privilege", True)
    tables.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_the_privileges_that_the_docs_name_are_enough(url: str, tables: Tables) -> None:
    role = f"clerk_{random.randrange(10**9)}"
    tables.run(
        f"CREATE ROLE {role} LOGIN",
        f"GRANT INSERT, SELECT ON posting_key, sale_item, payment TO {role}",
        f"GRANT INSERT, SELECT, UPDATE ON sale, stock TO {role}",
        f"GRANT INSERT ON cancellation, number_void TO {role}",
    )
    with opened(make_url(url).set(username=role).render_as_string(hide_password=False)) as erp:
        assert set(post(erp, sale(1), contingency(2), cancellation(sale(1)), number_void())) == {Result.POSTED}
        again = post(erp, contingency(2, authorised=True), sale(1, change=1), cancellation(sale(1)), first_id=9)
        assert again == [Result.PROTOCOL_ADDED, Result.DIVERGENT, Result.DUPLICATE]
        assert len(list(erp.booked())) == 2
    tables.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_constraint_and_its_table_are_named(url: str, tables: Tables) -> None:
    tables.run("ALTER TABLE payment ADD CONSTRAINT only_pix CHECK (method = '17')")
    with opened(url) as erp:
        assert refusal(erp, sale(1)).detail == "payment, only_pix, 23514"


def test_a_ledger_without_its_key_is_no_ledger(url: str, tables: Tables) -> None:
    tables.run("ALTER TABLE posting_key DROP CONSTRAINT posting_key_pkey")
    with opened(url) as erp:
        error = refusal(erp, sale(1))
    assert (error.code, error.transient, error.detail) == ("erp_ledger_harmed", True, "posting_key (identity)")
    assert tables.counts()["sale"] == 0


def test_numbers_are_exact_in_the_database_itself(url: str, tables: Tables) -> None:
    with opened(url) as erp:
        post(erp, sale(1))
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT total::text, change::text, pis::text FROM sale").fetchone()
        assert row == ("7.00", "5.00", "0.11")
        line = connection.execute(
            "SELECT quantity::text, unit_price::text, ibs_state_rate::text FROM sale_item"
        ).fetchone()
        assert line == ("2.0000", "3.5000000000", "0.1000")


def test_the_transaction_says_who_it_is_and_is_durable(url: str, tables: Tables) -> None:
    name = make_url(url).database
    tables.run(
        f"ALTER DATABASE {name} SET synchronous_commit = off",
        f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'",
        "CREATE TABLE seen (setting text, value text)",
    )
    settings = ("synchronous_commit", "transaction_isolation", "lock_timeout", "statement_timeout", "application_name")
    trigger(tables, "sale", " ".join(f"INSERT INTO seen VALUES ('{s}', current_setting('{s}'));" for s in settings))
    with opened(url, lock=1.5, statement=20) as erp:
        post(erp, sale(1))
    with psycopg.connect(url) as connection:
        seen: dict[str, str] = dict(connection.execute("SELECT setting, value FROM seen").fetchall())
    assert seen == {
        "synchronous_commit": "on",
        "transaction_isolation": "read committed",
        "lock_timeout": "1500ms",
        "statement_timeout": "20s",
        "application_name": "malote",
    }


# ---- the connection ----


def test_opening_asks_nothing_of_an_erp_that_is_away() -> None:
    with opened("postgresql://nobody@127.0.0.1:1/none") as erp:
        error = refusal(erp, sale(1))
    assert (error.code, error.transient) == ("erp_away", True)
    assert error.detail


def test_a_connection_that_was_cut_while_idle_is_replaced_unnoticed(url: str, tables: Tables) -> None:
    with opened(url) as erp:
        post(erp, sale(1))
        cut(tables)
        assert post(erp, sale(2)) == [Result.POSTED]


def test_a_connection_cut_in_the_middle_leaves_nothing(url: str, tables: Tables) -> None:
    trigger(tables, "stock", "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10);")
    with opened(url) as erp:
        error = refusal(erp, *supermarket(50))
        assert (error.code, error.transient) == ("erp_away", True)
        assert set(tables.counts().values()) == {0}
        tables.run("DROP TRIGGER act ON stock")
        assert set(post(erp, *supermarket(50))) == {Result.POSTED}


def test_after_the_server_was_stopped_and_started_it_goes_on() -> None:
    with own_server() as server, opened(server.url) as erp:
        erp.create_structure()
        assert post(erp, sale(1)) == [Result.POSTED]
        server.stop()
        for _ in range(2):
            assert refusal(erp, sale(2)).code == "erp_away"
        server.start()
        assert post(erp, sale(2), sale(1), first_id=9) == [Result.POSTED, Result.DUPLICATE]


# ---- several at once ----


def test_posters_with_the_same_documents_book_each_once_and_never_deadlock(url: str, tables: Tables) -> None:
    sold = [*supermarket(120, products=40), *(contingency(number) for number in range(500, 520))]
    documents: list[Document] = [
        *sold,
        *(contingency(number, authorised=True) for number in range(500, 520)),
        *(cancellation(one) for one in sold[::3]),
        *(number_void(number, number) for number in range(900, 910)),
    ]
    start = threading.Barrier(4)
    counted: list[list[Result]] = []

    def work(seed: int) -> None:
        mixed = random.Random(seed).sample(documents, len(documents))
        start.wait()
        with opened(url, lock=60) as erp:
            for first in range(0, len(mixed), 50):
                batch = postings(mixed[first : first + 50], first_id=first + 1, till=f"caixa{seed}")
                counted.append(results(erp.post(batch)))

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(work, seed) for seed in range(4)]:
            done.result()
    with opened(url) as erp:
        post(erp, *documents, first_id=10_000)
    counts = tables.counts()
    assert (counts["sale"], counts["cancellation"], counts["number_void"]) == (140, 47, 10)
    assert sum(batch.count(Result.POSTED) for batch in counted) <= 140 + 47 + 10
    assert sorted(tables.cancelled()) == sorted(one.access_key for one in sold[::3])
    expected: dict[str, Any] = {}
    for place, one in enumerate(sold):
        for line in one.items:
            moved = 0 if place % 3 == 0 else line.quantity
            expected[line.product_code] = expected.get(line.product_code, 0) - moved
    assert tables.stock() == expected


def test_structures_created_at_once_do_not_collide(url: str) -> None:
    def create(_: int) -> None:
        with opened(url) as erp:
            erp.create_structure()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(create, range(4)))


def cut(tables: Tables) -> None:
    tables.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'malote'")


def blocked_by(tables: Tables, pid: int) -> bool:
    return bool(tables.ask(text(f"SELECT pid FROM pg_stat_activity WHERE {pid} = ANY(pg_blocking_pids(pid))")))
