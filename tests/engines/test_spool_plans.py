"""How the engines run the spool's queries: never by reading the history."""

from datetime import date
from typing import Any

from sqlalchemy import Engine, Select, select

from malote.books import board, unproven_days
from malote.books.rules import evaluation
from malote.database.book_tables import book_day
from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.database.tables import pouch
from malote.database.till_tables import till_day
from malote.register import till_documents
from malote.spool import leasing, retention, superseded
from malote.spool.sql_queue import Spool
from malote.spool.states import STATES
from malote.tills.till import Till
from tests.engines.spool_support import START, send_sales

pytest_plugins = ("tests.engines.spool_fixtures",)


def plan_of(engine: Engine, statement: Select[Any]) -> str:
    """The engine's plan. PostgreSQL is told to avoid full scans, which on tables this small it would else prefer."""
    compiled = statement.compile(engine, compile_kwargs={"literal_binds": True})
    explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with reading(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        text = str(compiled).replace("%%", "%")
        return "\n".join(str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {text}"))


def assert_no_full_scan(engine: Engine, statement: Select[Any]) -> None:
    plan = plan_of(engine, statement)
    lines = [line for line in plan.splitlines() if "document" in line or "pouch" in line]
    assert lines, plan
    for line in lines:
        assert "Seq Scan" not in line, plan
        assert not (line.startswith("SCAN") and "INDEX" not in line), plan


def test_leasing(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    send_sales(spool, till_one, range(50))
    for condition, order in (
        (leasing._FRESH, documents.c.id),
        (leasing._due(START), documents.c.retry_at),
        (leasing._abandoned(START), documents.c.lease_until),
        (leasing._waits_too_long(START), documents.c.retry_at),
        (leasing._leased_too_long(START), documents.c.lease_until),
    ):
        assert_no_full_scan(spool_engine, select(documents.c.id).where(condition).order_by(order).limit(10))


def test_a_page_of_the_board_reads_the_days_of_its_own_tills_alone(spool_engine: Engine) -> None:
    for statement, table in ((board._COUNTED, book_day), (board._TOLD, till_day)):
        plan = plan_of(spool_engine, board._within(statement, table, ["2026-11-27", "2026-11-28"], [1, 2, 3]))
        if spool_engine.dialect.name == "sqlite":
            assert "(day=? AND till_id=?)" in plan or "(till_id=? AND day=?)" in plan, plan
        else:
            assert "Seq Scan" not in plan, plan


def test_receipts(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    send_sales(spool, till_one, range(50))
    wanted = (documents.c.till_id == 1, documents.c.file_sha256.in_([b"1", b"2"]))
    query = select(documents.c.state).where(*wanted).order_by(documents.c.file_sha256, documents.c.position)
    assert_no_full_scan(spool_engine, query)
    # By the hashes too, and not by all of the till's documents: before any statistics were gathered.
    assert "file_sha256" in plan_of(spool_engine, query)


def test_waking(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    send_sales(spool, till_one, range(50))
    wanted = (documents.c.access_key.in_(["1", "2"]), documents.c.state == "waiting")
    assert_no_full_scan(spool_engine, select(documents.c.id).where(*wanted))


def test_voids_of_a_number(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    send_sales(spool, till_one, range(50))
    query = select(documents.c.id).where(superseded.of_void_number(["1", "2"]))
    assert_no_full_scan(spool_engine, query)
    assert "document_void" in plan_of(spool_engine, query)
    # With values bound as they are in earnest, too: neither engine looks into them for an index of some rows.
    assert "void.kind = 'number_void'" in str(query.compile(spool_engine))


def test_listing(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    send_sales(spool, till_one, range(50))
    for till_id in (None, 1):
        for state in (None, *STATES):
            assert_no_full_scan(spool_engine, till_documents.page(till_id, state, 5, 10))


def test_pruning(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    send_sales(spool, till_one, range(50))
    query = select(pouch.c.id).where(~retention._needed(START), pouch.c.id > 3).order_by(pouch.c.id).limit(10)
    assert_no_full_scan(spool_engine, query)


def test_days_that_somebody_must_look_at(spool_engine: Engine) -> None:
    for statement, index in (
        (unproven_days.days_before(date(2026, 3, 3)), "book_day_unproven"),
        (evaluation.days_due(date(2026, 3, 3)), "book_day_unruled"),
    ):
        assert index in plan_of(spool_engine, statement)
