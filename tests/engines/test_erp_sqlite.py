"""The ERP on SQLite: what is its own."""

import sqlite3
from pathlib import Path

import pytest

from malote.erp.factory import open_erp
from malote.erp.faults import classify
from malote.erp.protocol import Erp, ErpError, Result
from tests.engines.erp_support import post
from tests.engines.sales import sale


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "erp.sqlite3"


def opened(file: Path) -> Erp:
    return open_erp(f"sqlite:///{file}", lock_timeout_seconds=0.05)


def refusal(erp: Erp) -> tuple[str, bool]:
    with pytest.raises(ErpError) as refused:
        post(erp, sale(1))
    erp.close()
    return refused.value.code, refused.value.transient


def test_a_new_file_gets_its_tables_by_itself(file: Path) -> None:
    erp = opened(file)
    assert post(erp, sale(1)) == [Result.POSTED]
    assert len(list(erp.booked())) == 1
    erp.close()


def test_amounts_are_integers_of_the_last_digit(file: Path) -> None:
    erp = opened(file)
    post(erp, sale(1))
    erp.close()
    connection = sqlite3.connect(file)
    try:
        assert connection.execute("SELECT total, typeof(total) FROM sale").fetchone() == (700, "integer")
        assert connection.execute("SELECT quantity, unit_price FROM sale_item").fetchone() == (20_000, 35_000_000_000)
        kinds = {row[0] for row in connection.execute("SELECT typeof(quantity) FROM stock")}
        assert kinds == {"integer"}
    finally:
        connection.close()


def test_a_writer_that_holds_the_file_is_waited_for_later(file: Path) -> None:
    erp = opened(file)
    erp.create_structure()
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(ErpError) as refused:
        post(erp, sale(1))
    assert (refused.value.code, refused.value.transient) == ("erp_locked", True)
    other.execute("ROLLBACK")
    other.close()
    assert post(erp, sale(1)) == [Result.POSTED]
    erp.close()


def test_a_folder_that_is_absent_is_an_erp_that_is_away(tmp_path: Path) -> None:
    assert refusal(opened(tmp_path / "absent" / "erp.sqlite3")) == ("erp_away", True)


def test_a_file_that_is_no_database_is_damaged_and_left_alone(file: Path) -> None:
    file.write_bytes(b"this is no database" * 100)
    assert refusal(opened(file)) == ("erp_damaged", True)
    assert file.read_bytes().startswith(b"this is no database")


def test_a_file_that_may_only_be_read_keeps_the_sales_waiting(file: Path) -> None:
    erp = opened(file)
    erp.create_structure()
    erp.close()
    reader = open_erp(f"sqlite:///file:{file}?mode=ro&uri=true", lock_timeout_seconds=0.05)
    assert refusal(reader) == ("erp_read_only", True)


def test_a_full_disk_keeps_the_sales_waiting(file: Path) -> None:
    connection = sqlite3.connect(file)
    try:
        connection.execute("PRAGMA max_page_count = 2")
        connection.execute("CREATE TABLE t (content BLOB)")
        with pytest.raises(sqlite3.Error) as refused:
            connection.execute("INSERT INTO t VALUES (zeroblob(100000))")
    finally:
        connection.close()
    error = classify(refused.value, "sale")
    assert (error.code, error.transient, error.detail) == ("erp_full", True, "sale, SQLITE_FULL")


def test_an_error_of_the_program_does_not_pass_for_the_erps() -> None:
    with pytest.raises(KeyError):
        classify(KeyError("x"))
