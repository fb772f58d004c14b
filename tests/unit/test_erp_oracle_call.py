"""The ERP's own procedure on Oracle, as far as that goes without an Oracle: what the driver is asked."""

import json
from typing import Any

import oracledb
import pytest
import sqlglot

from malote.erp.factory import open_erp
from malote.erp.mapping import ErpTables
from malote.erp.oracle.statements import every_statement
from malote.erp.profiles.profile import read
from malote.erp.protocol import Erp, Result
from tests.engines.sales import postings, sale
from tests.unit.oracle_driver import Driver, error

URL = "oracle+oracledb://malote:hidden@db.example:1521/?service_name=prod"
CALL = "begin :answer := pkg_venda.importar(:document); end;"
TABLES = ErpTables(read(f'name = "x"\n[post]\ncall = "{CALL}"\nwait = ["20901"]\n', "x.toml"))


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = Driver()
    monkeypatch.setattr(oracledb, "connect", made.connect)
    return made


@pytest.fixture
def erp(driver: Driver) -> Erp:
    return open_erp(URL, lock_timeout_seconds=4.2, tables=TABLES)


def test_a_sale_goes_to_the_function_and_its_answer_beside_it(driver: Driver, erp: Erp) -> None:
    driver.given = "4711"
    assert [one.result for one in erp.post(postings([sale()]))] == [Result.POSTED]
    (called,) = [parameters for sql, parameters in driver.asked if sql == CALL]
    assert json.loads(called["document"])["access_key"] == sale().access_key
    assert driver.sizes == {"document": oracledb.DB_TYPE_CLOB}
    (row,) = [row for sql, row in driver.asked if sql.startswith("INSERT INTO malote_sale")]
    assert "4711" in json.dumps(row, default=str)
    assert driver.events.count("commit") == 2  # the numbers' guard, made once, and the sale


@pytest.mark.parametrize(
    ("number", "message", "result", "code"),
    [
        (20901, "caixa ainda fechado", Result.WAITS, "erp_says_wait"),
        (20001, "produto sem cadastro", Result.REFUSED, "erp_refused"),
        (6550, "line 1, column 20: PLS-00201", Result.WAITS, "erp_call_broken"),
    ],
)
def test_what_it_raises_is_told_apart(
    driver: Driver, erp: Erp, number: int, message: str, result: Result, code: str
) -> None:
    def refuse(sql: str, parameters: Any) -> list[tuple[Any, ...]]:
        if sql == CALL:
            raise oracledb.DatabaseError(error(number, message))
        return []

    driver.answer = refuse
    (outcome,) = erp.post(postings([sale()]))
    assert (outcome.result, outcome.code) == (result, code)
    assert message.partition(":")[0] in outcome.facts["said"]
    assert driver.events.count("commit") == 1  # the guard's


def test_malote_s_own_statements_are_oracle_sql() -> None:
    for statement in every_statement(TABLES):
        if not statement.startswith("LOCK TABLE"):
            sqlglot.parse_one(statement, dialect="oracle")
