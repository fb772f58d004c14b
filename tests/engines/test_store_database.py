"""The store database itself: its migrations, its durability, its errors."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, exc, insert, inspect, select, text, update

import malote.database.account_tables
import malote.database.alert_tables
import malote.database.archive_tables
import malote.database.book_tables
import malote.database.closing_tables
import malote.database.consumer_tables
import malote.database.erp_tables
import malote.database.finding_tables
import malote.database.flow_tables
import malote.database.job_tables
import malote.database.kept_tables
import malote.database.load_tables
import malote.database.lock_tables
import malote.database.order_tables
import malote.database.quarantine_tables
import malote.database.rule_tables
import malote.database.runbook_tables
import malote.database.structure_tables
import malote.database.till_tables  # noqa: F401 - of the same metadata, as those above
from malote.database import errors, migrations
from malote.database.engine import open_database, reading, writing
from malote.database.errors import StoreError
from malote.database.migrations import migrate
from malote.database.tables import metadata, till
from tests import ready_stores
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url

pytest_plugins = ("tests.engines.spool_fixtures",)

ROW = {"name": "a", "name_key": "a", "label": "", "token_hash": b"", "created_at": 0.0}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a database that takes the migration's steps itself."""
    monkeypatch.setattr(migrations, "_upgrade", ready_stores.STEPS)
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.sqlite3'}"
        return
    url = fresh_postgresql_url()
    yield url
    discard_postgresql(url)


def test_migrated_database_is_what_the_tables_say(empty_url: str) -> None:
    engine = open_database(empty_url)
    migrate(engine)
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_what_tests_are_given_is_what_the_steps_make(tmp_path: Path) -> None:
    made = []
    for name, steps in (
        ("stepped", ready_stores.STEPS),
        ("first", ready_stores.upgrade),
        ("next", ready_stores.upgrade),
    ):
        engine = open_database(f"sqlite:///{tmp_path / name}")
        with writing(engine) as connection:
            steps(connection)
            everything = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
            rows = [connection.execute(select(table)).all() for table in metadata.sorted_tables]
            made.append((connection.exec_driver_sql(everything).all(), rows))
        engine.dispose()
    assert made[0] == made[1] == made[2]


def test_migrating_again_changes_nothing(spool_engine: Engine) -> None:
    with writing(spool_engine) as connection:
        connection.execute(insert(till).values(ROW))
    migrate(spool_engine)
    with reading(spool_engine) as connection:
        assert connection.execute(select(till.c.name)).scalar_one() == "a"


def test_processes_that_start_at_once_migrate_once(empty_url: str) -> None:
    engines = [open_database(empty_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate, engines))
    assert set(inspect(engines[0]).get_table_names()) >= {"till", "pouch", "document", "tally", "till_series"}
    for engine in engines:
        engine.dispose()


def test_a_database_of_a_newer_version_is_refused(spool_engine: Engine) -> None:
    with writing(spool_engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError) as caught:
        migrate(spool_engine)
    assert caught.value.code == "store_newer"


def test_a_failed_block_leaves_nothing(spool_engine: Engine) -> None:
    def fail_midway() -> None:
        with writing(spool_engine) as connection:
            connection.execute(insert(till).values(ROW))
            raise KeyError

    with pytest.raises(KeyError):
        fail_midway()
    with reading(spool_engine) as connection:
        assert connection.execute(select(till)).all() == []


def test_a_fault_of_the_program_is_not_hidden(spool_engine: Engine) -> None:
    with pytest.raises((exc.ProgrammingError, exc.OperationalError)), reading(spool_engine) as connection:
        connection.execute(text("SELECT nothing_like_it FROM till"))


def test_commits_are_synchronous(spool_engine: Engine) -> None:
    with reading(spool_engine) as connection:
        if spool_engine.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2  # FULL
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
        else:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"


@pytest.mark.postgresql
def test_a_server_that_acknowledges_early_is_overruled() -> None:
    url = fresh_postgresql_url()
    with psycopg.connect(url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")  # type: ignore[arg-type, unused-ignore]
    engine = open_database(url)
    with reading(engine) as connection_:
        assert connection_.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
    engine.dispose()
    discard_postgresql(url)


def test_two_processes_write_one_after_the_other(spool_url: str, spool_engine: Engine) -> None:
    other = open_database(spool_url)  # an engine of its own shares no lock with the first
    with writing(spool_engine) as connection:
        connection.execute(insert(till).values(ROW | {"pending": 0}))

    def count_up(engine: Engine) -> None:
        for _ in range(50):
            with writing(engine) as connection:
                connection.execute(update(till).values(pending=till.c.pending + 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count_up, [spool_engine, other, spool_engine, other]))
    with reading(spool_engine) as connection:
        assert connection.execute(select(till.c.pending)).scalar_one() == 200
    other.dispose()


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    path.write_bytes(b"this is not a database, whatever its name says" * 100)
    with pytest.raises(StoreError) as caught:
        migrate(open_database(f"sqlite:///{path}"))
    assert (caught.value.code, caught.value.transient) == ("store_damaged", False)


def test_pages_that_rot_are_damaged(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    engine = open_database(f"sqlite:///{path}")
    migrate(engine)
    with writing(engine) as connection:
        for number in range(500):
            named = {"name": f"till{number}", "name_key": f"till{number}", "label": "x" * 500}
            connection.execute(insert(till).values(ROW | named))
    engine.dispose()
    content = bytearray(path.read_bytes())
    for page in range(20, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(content)

    def read_all() -> None:
        with reading(engine) as connection:
            connection.execute(select(till)).all()

    with pytest.raises(StoreError) as caught:
        read_all()
    assert (caught.value.code, caught.value.transient) == ("store_damaged", False)
    engine.dispose()


def test_a_file_that_cannot_be_opened_is_away(tmp_path: Path) -> None:
    folder = tmp_path / "store.sqlite3"
    folder.mkdir()
    with pytest.raises(StoreError) as caught:
        migrate(open_database(f"sqlite:///{folder}"))
    assert (caught.value.code, caught.value.transient) == ("store_away", True)


def test_a_server_that_is_not_there_is_away() -> None:
    with pytest.raises(StoreError) as caught:
        migrate(open_database("postgresql://malote@127.0.0.1:1/malote"))
    assert (caught.value.code, caught.value.transient) == ("store_away", True)


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'store.sqlite3'}")
    migrate(engine)

    def fill() -> None:
        with writing(engine) as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            connection.execute(insert(till).values(ROW | {"label": "x" * 1_000_000}))

    with pytest.raises(StoreError) as caught:
        fill()
    assert (caught.value.code, caught.value.transient) == ("disk_full", True)
    engine.dispose()


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("53100", "disk_full"),
        ("53300", "store_away"),
        ("57P01", "store_away"),
        ("08006", "store_away"),
        ("40P01", "store_away"),
        ("55P03", "store_away"),
        ("25006", "store_away"),
        ("XX001", "store_damaged"),
        ("42703", None),
        ("23505", None),
    ],
)
def test_postgresql_states_are_told_apart(state: str, code: str | None) -> None:
    cause = psycopg.errors.lookup(state)() if state != "08006" else psycopg.errors.ConnectionFailure()
    translated = errors.translate(exc.DBAPIError("", {}, cause))
    assert (translated.code if translated else None) == code


def test_an_error_without_a_code_is_not_guessed_at() -> None:
    assert errors.translate(exc.DBAPIError("", {}, sqlite3.ProgrammingError("closed"))) is None
    assert errors.translate(exc.InvalidRequestError("fault")) is None


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/store"])
def test_other_kinds_of_database_are_refused(url: str) -> None:
    with pytest.raises((ValueError, exc.NoSuchModuleError)):
        open_database(url)
