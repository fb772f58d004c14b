"""Applications on real databases: rejected sales end posted, nobody queues behind DDL, nothing is done twice."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select

from malote.accounts import audit
from malote.config import ErpSettings, Settings, StructuresSettings
from malote.database.engine import open_database
from malote.database.migrations import migrate
from malote.erp.factory import open_erp
from malote.erp.protocol import Result
from malote.schema.definition import StructureError
from malote.schema.structure_reports import RunReport, StepReport
from malote.structures.structure_service import Structures
from malote.structures.wanted import erp_of_2025
from tests.engines import sales
from tests.engines.erp_support import post
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.posting_support import Shop, until
from tests.engines.structures_support import ACTOR, create, harmful, run_sql, selling, structures_over

pytest_plugins = ("tests.engines.erp_fixtures",)


@pytest.fixture
def postgresql() -> Iterator[str]:
    found = fresh_postgresql_url()
    yield found
    discard_postgresql(found)


def complete(erp_url: str) -> None:
    erp = open_erp(erp_url, lock_timeout_seconds=5)
    erp.create_structure()
    erp.close()


def test_rejected_sales_of_missing_columns_end_posted_in_order(tmp_path: Path, erp_url: str) -> None:
    create(erp_url, erp_of_2025())
    with structures_over(tmp_path, erp_url) as (services, engine):
        shop = Shop(tmp_path, erp_url, time.time)
        shop.accept(*(sales.sale(number) for number in range(1, 21)))
        poster = shop.poster()
        poster.drain()
        assert shop.counted() == {"rejected": 20}
        reason = shop.documents()[0].reason
        assert reason is not None
        assert reason.code == "structure_outdated"
        assert set(reason.facts["detail"].split(", ")) >= {"sale_item.cbs_rate", "sale.ibs", "sale.cbs"}

        heard: list[RunReport] = []
        report = services.apply("erp", ACTOR, progress=heard.append)
        assert (report.state, report.replayed, report.refused) == ("done", 20, [])
        assert [one.state for one in report.steps] == ["done"] * len(report.steps)
        assert heard[-1] == report
        assert services.drift("erp").differences == []
        assert services.last_run("erp") == report

        assert [one.state for one in shop.documents()] == ["accepted"] * 20, "back in their old places"
        poster.drain()
        poster.close()
        assert shop.counted() == {"posted": 20}
        keys = [row[0] for row in run_sql(erp_url, "SELECT access_key FROM sale ORDER BY posted_at, access_key")]
        assert keys == sorted(str(one.access_key) for one in shop.documents())
        actions = [entry.action for entry in audit.entries(engine)]
        assert actions == ["structure_updated", "documents_replayed", "structure_update_begun", "till_created"]
        shop.engine.dispose()


def test_old_rows_hold_nothing_of_a_new_tax(tmp_path: Path, erp_url: str) -> None:
    create(erp_url, erp_of_2025())
    (table,) = (table for table in erp_of_2025().tables if table.name == "sale_item")
    row = {column.name: "'x'" if column.type in ("text", "key") else "1" for column in table.columns}
    row["in_total"] = "true"
    run_sql(erp_url, f"INSERT INTO sale_item ({', '.join(row)}) VALUES ({', '.join(row.values())})")
    with structures_over(tmp_path, erp_url) as (services, _):
        assert services.apply("erp", ACTOR).state == "done"
        assert services.drift("erp").differences == [], "the constant that filled old rows is no drift"
    assert [int(str(row[0]).split(".")[0]) for row in run_sql(erp_url, "SELECT cbs_amount FROM sale_item")] == [0]
    assert run_sql(erp_url, "SELECT cbs_rate, reform_status FROM sale_item") == [(None, None)]


def test_a_dry_run_changes_nothing(tmp_path: Path, erp_url: str) -> None:
    create(erp_url, erp_of_2025())
    with structures_over(tmp_path, erp_url) as (services, engine):
        report = services.apply("erp", ACTOR, dry_run=True)
        assert report.id == 0
        assert {one.state for one in report.steps} == {"pending"}
        assert len(harmful(services.drift("erp"))) == 23
        assert services.last_run("erp") is None
        assert audit.entries(engine) == []


def test_what_is_refused_does_not_hold_back_the_rest(tmp_path: Path, erp_url: str) -> None:
    create(erp_url, erp_of_2025())
    run_sql(erp_url, "ALTER TABLE sale_item ADD COLUMN cbs_rate TEXT")
    with structures_over(tmp_path, erp_url) as (services, _):
        report = services.apply("erp", ACTOR)
        assert report.state == "incomplete"
        assert [one.code for one in report.refused] == ["column_type_differs"]
        assert harmful(services.drift("erp")) == ["conflict type sale_item.cbs_rate"]


def test_columns_added_by_hand_bring_the_sales_back_too(tmp_path: Path, erp_url: str) -> None:
    create(erp_url, erp_of_2025())
    with structures_over(tmp_path, erp_url) as (services, _):
        shop = Shop(tmp_path, erp_url, time.time)
        shop.accept(sales.sale(1), sales.sale(2))
        poster = shop.poster()
        poster.drain()
        assert services.rejoin() == 0, "still missing"
        plan = services.plan("erp")
        run_sql(erp_url, plan.steps[0].sql)
        assert services.rejoin() == 0, "still missing something"
        run_sql(erp_url, *(step.sql for step in plan.steps[1:]))
        assert services.rejoin() == 2
        assert services.rejoin() == 0
        poster.drain()
        poster.close()
        assert shop.counted() == {"posted": 2}
        shop.engine.dispose()


@pytest.mark.postgresql
def test_ddl_behind_a_long_transaction_never_queues_the_sales_behind_it(tmp_path: Path, postgresql: str) -> None:
    """Failure 22: somebody reads a table in a transaction and goes for a coffee, while sales are posted into it."""
    complete(postgresql)
    run_sql(postgresql, "ALTER TABLE sale ALTER COLUMN consumer SET NOT NULL")
    erp = open_erp(postgresql, lock_timeout_seconds=1)
    with structures_over(tmp_path, postgresql) as (services, _), psycopg.connect(postgresql) as reader:
        reader.execute("SELECT count(*) FROM sale")
        run_id = services.start("erp", ACTOR)
        until(lambda: bool(_steps(services, run_id)) and _steps(services, run_id)[0].holder != "")
        assert str(reader.info.backend_pid) in _steps(services, run_id)[0].holder
        queued = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'sale'::regclass"
        for number in range(1, 40):
            assert post(erp, sales.sale(number, consumer="12345678909"), first_id=number) == [Result.POSTED]
            assert run_sql(postgresql, queued) == [(0,)], "nobody stands in the queue, not even the DDL"
        assert _steps(services, run_id)[0].state == "waiting"
        reader.rollback()
        until(lambda: _run(services, run_id).state == "done")
    assert post(erp, sales.sale(40), first_id=40) == [Result.POSTED], "without a consumer, as most are"
    erp.close()
    assert run_sql(postgresql, "SELECT count(*) FROM sale") == [(40,)]


@pytest.mark.postgresql
def test_a_try_that_meets_a_lock_steps_aside_in_time(tmp_path: Path, postgresql: str) -> None:
    """None of the transactions is long enough to be waited for, and all of them go on."""
    complete(postgresql)
    run_sql(postgresql, "ALTER TABLE payment DROP COLUMN brand")
    with selling(postgresql) as written, structures_over(tmp_path, postgresql) as (services, _):
        assert services.apply("erp", ACTOR).state == "done"
    assert run_sql(postgresql, "SELECT count(*) FROM payment WHERE brand IS NULL") == [(written[0],)]


@pytest.mark.postgresql
def test_a_user_who_does_not_see_the_times_of_others(tmp_path: Path, postgresql: str) -> None:
    """As an owner of the tables who is no superuser: short transactions are met, a long one is waited for."""
    complete(postgresql)
    run_sql(
        postgresql,
        "CREATE ROLE malote_alters LOGIN PASSWORD 'x'",
        "ALTER TABLE payment OWNER TO malote_alters",
        "ALTER TABLE payment DROP COLUMN brand",
    )
    altering = postgresql.replace("postgres:@", "malote_alters:x@")
    chosen = Settings(
        home=str(tmp_path), erp=ErpSettings(url=postgresql), structures=StructuresSettings(erp_url=altering)
    )
    engine = open_database(chosen.database_url)
    migrate(engine)
    services = Structures(engine, chosen)
    try:
        with psycopg.connect(postgresql) as reader:
            reader.execute("SELECT count(*) FROM payment")
            run_id = services.start("erp", ACTOR)
            until(lambda: bool(_steps(services, run_id)) and _steps(services, run_id)[0].holder != "")
            assert str(reader.info.backend_pid) in _steps(services, run_id)[0].holder
            with selling(postgresql):
                reader.rollback()
                until(lambda: _run(services, run_id).state == "done")
        assert _run(services, run_id).refused == [], "the posting user is the one who needs privileges"
    finally:
        engine.dispose()
        run_sql(postgresql, "REASSIGN OWNED BY malote_alters TO postgres", "DROP ROLE malote_alters")


@pytest.mark.postgresql
def test_a_table_that_stays_locked_is_given_up_with_the_holder_named(tmp_path: Path, postgresql: str) -> None:
    create(postgresql, erp_of_2025())
    with (
        structures_over(tmp_path, postgresql, patience_seconds=1.0) as (services, engine),
        psycopg.connect(postgresql) as reader,
    ):
        reader.execute("LOCK TABLE sale_item IN ROW EXCLUSIVE MODE")
        report = services.apply("erp", ACTOR)
        assert (report.state, report.code) == ("failed", "structure_locked")
        assert report.facts["object"] == "sale_item"
        assert str(reader.info.backend_pid) in report.facts["holder"]
        assert [one.state for one in report.steps] == ["done", "failed"]
        assert services.last_run("erp") == report
        reader.rollback()
        again = services.apply("erp", ACTOR)
        assert (again.state, len(again.steps)) == ("done", 1), "it goes on where it stopped"
        assert audit.entries(engine, action="structure_updated")[1].after["state"] == "failed"


@pytest.mark.postgresql
def test_two_operators_at_once(tmp_path: Path, postgresql: str) -> None:
    create(postgresql, erp_of_2025())
    with structures_over(tmp_path, postgresql) as (services, _), psycopg.connect(postgresql) as reader:
        reader.execute("SELECT count(*) FROM sale_item")
        first = services.start("erp", ACTOR)
        until(lambda: any(one.state == "waiting" for one in _steps(services, first)))
        waits: list[RunReport] = []
        second: list[RunReport] = []
        other = threading.Thread(target=lambda: second.append(services.apply("erp", ACTOR, progress=waits.append)))
        other.start()
        until(lambda: any(one.code == "structure_being_updated" for one in waits))
        assert not second
        reader.rollback()
        other.join(60)
        assert second[0].state == "done"
        assert second[0].steps == [], "the first left nothing to do"
        found = _run(services, first)
        assert found.state == "done"
        assert len(found.steps) == 2


@pytest.mark.postgresql
def test_an_index_whose_making_fails_leaves_nothing_behind(tmp_path: Path, postgresql: str) -> None:
    """Rows that appear while it is made: the engine finds the duplicates, and the invalid index is taken away."""
    url = postgresql
    complete(url)
    run_sql(
        url,
        "DROP TABLE stock",
        "CREATE TABLE stock (issuer TEXT NOT NULL, product_code TEXT NOT NULL, quantity NUMERIC(19, 4) NOT NULL)",
    )
    with structures_over(tmp_path, url) as (services, _), psycopg.connect(url) as writer:
        # Not visible to whoever looks for duplicates, and there when the index is made.
        writer.execute("INSERT INTO stock VALUES ('i', 'p', 1), ('i', 'p', 2)")
        run_id = services.start("erp", ACTOR)
        until(lambda: any(one.state == "running" for one in _steps(services, run_id)))
        time.sleep(0.3)
        writer.commit()
        until(lambda: _run(services, run_id).state != "running")
        found = _run(services, run_id)
        assert (found.state, found.code) == ("failed", "structure_step_refused")
        assert run_sql(url, "SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]
        plan = services.plan("erp")
        assert [one.code for one in plan.refused] == ["unique_has_duplicates"]


@pytest.mark.postgresql
def test_an_invalid_index_from_before_is_made_anew(tmp_path: Path, postgresql: str) -> None:
    complete(postgresql)
    run_sql(
        postgresql,
        "DROP TABLE stock",
        "CREATE TABLE stock (issuer TEXT NOT NULL, product_code TEXT NOT NULL, quantity NUMERIC(19, 4) NOT NULL)",
        "INSERT INTO stock VALUES ('i', 'p', 1), ('i', 'p', 2)",
    )
    with psycopg.connect(postgresql, autocommit=True) as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute("CREATE UNIQUE INDEX CONCURRENTLY stock_pkey ON stock (issuer, product_code)")
    run_sql(postgresql, "DELETE FROM stock WHERE quantity = 2")
    with structures_over(tmp_path, postgresql) as (services, _):
        steps = services.plan("erp").steps
        assert [step.sql.split(" ON ")[0] for step in steps] == [
            'DROP INDEX CONCURRENTLY IF EXISTS "stock_pkey"',
            'CREATE UNIQUE INDEX CONCURRENTLY "stock_pkey"',
        ]
        assert services.apply("erp", ACTOR).state == "done"
        assert services.drift("erp").complete
    erp = open_erp(postgresql, lock_timeout_seconds=5)
    assert post(erp, sales.sale(1)) == [Result.POSTED]
    erp.close()


def test_an_erp_that_is_away_is_said(tmp_path: Path) -> None:
    with structures_over(tmp_path, "postgresql://nobody@127.0.0.1:1/none") as (services, _):
        for ask in (services.drift, services.plan, lambda scope: services.apply(scope, ACTOR)):
            with pytest.raises(StructureError) as caught:
                ask("erp")
            assert caught.value.code == "erp_away"


def test_a_full_run_of_the_store_is_recorded_though_it_is_the_store_itself(tmp_path: Path) -> None:
    with structures_over(tmp_path, "") as (services, engine):
        run_sql(f"sqlite:///{tmp_path / 'store.sqlite3'}", "DROP INDEX document_retry")
        report = services.apply("store", ACTOR)
        assert (report.state, report.done) == ("done", 1)
        assert services.last_run("store") == report
        assert services.drift("store").complete
        with engine.connect() as connection:
            assert connection.execute(select(1)).scalar_one() == 1


def _run(services: Structures, run_id: int) -> RunReport:
    found = services.run(run_id)
    assert found is not None
    return found


def _steps(services: Structures, run_id: int) -> list[StepReport]:
    return _run(services, run_id).steps
