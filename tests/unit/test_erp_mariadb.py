"""What can be told of MariaDB without one: its errors by number, its tables, its address."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pymysql
import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from malote.address import AddressError, check
from malote.erp import call_statements
from malote.erp.base import Options
from malote.erp.factory import open_erp
from malote.erp.faults import classify
from malote.erp.grants import statements
from malote.erp.mariadb.calls import EndsTransactionError
from malote.erp.mariadb.engine import MariadbErp
from malote.erp.mariadb.tables import DIALECT, created
from malote.erp.tables import posting_key
from malote.erp.values import Exact, Money, OutOfRangeError, ZonedTime

ADDRESS = "mariadb://posto:segredo@erp:3306/loja"


@pytest.mark.parametrize(
    ("number", "state", "code", "transient"),
    [
        (1205, "HY000", "erp_locked", True),
        (1213, "40001", "erp_conflict", True),
        (1614, "XA102", "erp_conflict", True),
        (2006, None, "erp_away", True),
        (2013, None, "erp_away", True),
        (1040, "08004", "erp_crowded", True),
        (1226, "42000", "erp_crowded", True),
        (1049, "42000", "erp_database_refused", True),
        (1290, "HY000", "erp_read_only", True),  # a replica that is read only
        (1836, "HY000", "erp_read_only", True),
        (1142, "42000", "erp_privilege", True),
        (1365, "22012", "erp_refused", False),  # division by zero
        (1969, "70100", "erp_slow", True),
        (1114, "HY000", "erp_full", True),
        (1021, "HY000", "erp_full", True),
        (1194, "HY000", "erp_damaged", True),
        (1045, "28000", "erp_refused_login", True),
        (1370, "42000", "erp_privilege", True),
        (1644, "45000", "erp_refused", False),  # SIGNAL
        (1062, "23000", "erp_constraint", False),
        (1452, "23000", "erp_constraint", False),
        (1048, "23000", "erp_constraint", False),
        (4025, "23000", "erp_constraint", False),
        (1406, "22001", "value_out_of_range", False),
        (1305, "42000", "structure_outdated", False),
        (65000, "HY000", "erp_refused", False),
    ],
)
def test_errors_are_told_apart_by_number(number: int, state: str | None, code: str, transient: bool) -> None:
    signed = number - 2**16 if number >= 2**15 else number  # as the driver reads it
    error = classify(pymysql.OperationalError(signed, "palavras", sqlstate=state), "venda")
    assert (error.code, error.transient) == (code, transient)
    assert str(number) in error.detail
    assert error.facts.get("sqlstate", "") == (state or "")


CHILD = "Cannot add or update a child row: a foreign key constraint fails"


@pytest.mark.parametrize(
    ("number", "message", "reference"),
    [
        (
            1452,
            f"{CHILD} (`erp`.`item`, CONSTRAINT `fk_produto` FOREIGN KEY (`p`) REFERENCES `produto` (`id`))",
            "fk_produto",
        ),
        (1216, CHILD, ""),
        (1451, "Cannot delete a parent row: … (`erp`.`item`, CONSTRAINT `fk_produto` …)", None),
    ],
)
def test_which_foreign_key_found_no_row(number: int, message: str, reference: str | None) -> None:
    assert classify(pymysql.IntegrityError(number, message, sqlstate="23000")).reference == reference


def test_a_savepoint_that_a_deadlock_took_is_no_missing_procedure() -> None:
    gone = pymysql.OperationalError(1305, "SAVEPOINT x does not exist", sqlstate="42000")
    error = classify(OperationalError("ROLLBACK TO SAVEPOINT x", {}, gone))
    assert (error.code, error.transient) == ("erp_conflict", True)
    assert classify(OperationalError("call x()", {}, gone)).code == "structure_outdated"


def test_a_procedure_that_ends_the_transaction_is_the_statements_fault() -> None:
    error = classify(EndsTransactionError("COMMIT within the call"))
    assert (error.code, error.transient, error.detail) == ("structure_outdated", False, "COMMIT within the call")


def test_names_are_told_and_values_are_not() -> None:
    message = "Duplicate entry '52998224725-MARIA DA SILVA' for key 'chave'"
    error = classify(pymysql.IntegrityError(1062, message, sqlstate="23000"), "venda")
    assert "MARIA" not in f"{error.detail} {error.facts}"
    broken = classify(pymysql.OperationalError(4025, "CONSTRAINT `preco` failed for `loja`.`venda`", sqlstate="23000"))
    assert broken.detail.startswith("preco, loja, venda")
    without = classify(pymysql.IntegrityError(1048, "Column 'emissao' cannot be null", sqlstate="23000"))
    assert without.detail == "emissao, 1048 (23000)"


def test_malotes_tables_keep_transactions_and_compare_byte_by_byte() -> None:
    made = created(posting_key)
    assert made.endswith("ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin")
    assert "identity VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL" in made
    assert "content_hash VARBINARY(32) NOT NULL" in made


def test_what_the_server_would_round_is_refused() -> None:
    assert _bound(Exact(4), Decimal("1.5000")) == Decimal("1.5000")
    with pytest.raises(OutOfRangeError):
        _bound(Exact(4), Decimal("1.50001"))
    assert _bound(Money(), 123) == Decimal("1.23")


def _bound(kind: Any, value: Any) -> Any:
    """As the driver is given it."""
    return kind.dialect_impl(DIALECT).bind_processor(DIALECT)(value)


def test_a_moment_is_kept_in_utc() -> None:
    given = datetime(2026, 3, 1, 22, 30, tzinfo=timezone(timedelta(hours=-3)))
    kept = _bound(ZonedTime(), given)
    assert kept == datetime(2026, 3, 2, 1, 30)  # noqa: DTZ001 as the column has it
    read: Any = ZonedTime().dialect_impl(DIALECT).result_processor(DIALECT, None)
    assert read(kept) == datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("scheme", ["mariadb", "mysql", "mariadb+pymysql", "mysql+pymysql"])
def test_its_addresses(scheme: str) -> None:
    address = ADDRESS.replace("mariadb", scheme)
    assert check(address) == "mariadb"
    erp = open_erp(address, lock_timeout_seconds=1)
    assert erp.engine == "mariadb"
    with pytest.raises(AddressError):
        check(address, ("sqlite", "postgresql"))  # the store's own database


def test_what_its_user_is_granted() -> None:
    granted = statements(open_erp(ADDRESS, lock_timeout_seconds=1).grants("d'avila"))
    assert granted[0] == "GRANT SELECT, INSERT, UPDATE, DELETE ON `loja`.`posting_key` TO 'd''avila'@'%';"


class _Cursor:
    """Answers as the driver does: several results, of which the last may raise."""

    def __init__(self, results: list[Any]) -> None:
        self._results = results

    def __enter__(self) -> "_Cursor":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, statement: str, values: dict[str, str]) -> None:
        self.asked = (statement, values)

    @property
    def description(self) -> Any:
        return (("ID",),) if self._results[0] is not None else None

    def fetchmany(self, most: int) -> Any:
        return self._results[0]

    def nextset(self) -> bool:
        self._results.pop(0)
        if self._results and isinstance(self._results[0], Exception):
            raise self._results[0]
        return bool(self._results)


def _called(*results: Any) -> Any:
    driver = SimpleNamespace(cursor=lambda: _Cursor(list(results)))
    connection: Any = SimpleNamespace(connection=SimpleNamespace(driver_connection=driver))
    erp: Any = MariadbErp(make_url("mariadb://malote@127.0.0.1/erp"), Options(lock_timeout=5))
    return call_statements.run(erp, connection, "call importar(:document)", {"document": "{}"})


def test_the_last_rows_are_the_answer_and_no_error_behind_them_is_overheard() -> None:
    assert _called([(1,)], [(2,)], None) == [{"id": 2}]
    assert _called(None) == []
    with pytest.raises(pymysql.OperationalError):
        _called([(1,)], pymysql.OperationalError(1644, "tarde demais", sqlstate="45000"))
