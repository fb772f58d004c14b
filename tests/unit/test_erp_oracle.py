"""The Oracle adapter as far as that goes without an Oracle: its SQL in an Oracle grammar, its calls, its errors.

Whether a real Oracle agrees is for ``malote erp verify`` to say.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import oracledb
import pytest
import sqlglot
from sqlalchemy import make_url
from sqlglot import exp

from malote.erp import rows
from malote.erp.base import Options
from malote.erp.factory import open_erp
from malote.erp.faults import classify
from malote.erp.grants import statements as grant_statements
from malote.erp.mapping import BUILT_IN, ErpTables
from malote.erp.oracle.engine import OracleErp
from malote.erp.oracle.statements import every_statement
from malote.erp.profiles.profile import load, shipped
from malote.erp.protocol import Erp, ErpError, Result
from malote.erp.values import Money
from malote.fiscal.documents import Document, Item, content_hash
from tests.engines.sales import cancellation, contingency, item, number_void, postings, sale
from tests.unit.oracle_driver import Driver, error

URL = "oracle+oracledb://malote:hidden@db.example:1521/?service_name=prod"
PROFILES = {
    "malote": BUILT_IN,
    "malote elsewhere": ErpTables(load(""), schema="vendas"),
    "malote for trying out": ErpTables(load(""), prefix="mlt1a2b3c_"),
    **{name: ErpTables(load(name)) for name in shipped()},
}
LOCK_TABLES = re.compile(r"LOCK TABLE [\w.]+(, [\w.]+)* IN ROW EXCLUSIVE MODE WAIT [1-9]\d*")


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = Driver()
    monkeypatch.setattr(oracledb, "connect", made.connect)
    return made


@pytest.fixture
def erp(driver: Driver) -> Iterator[Erp]:
    opened = open_erp(URL, lock_timeout_seconds=4.2, statement_timeout_seconds=30)
    yield opened
    opened.close()


# ---- what it says ----


@pytest.mark.parametrize("tables", PROFILES.values(), ids=PROFILES)
def test_every_statement_is_oracle_sql(tables: ErpTables) -> None:
    said = every_statement(tables)
    assert len(said) > 50
    for statement in said:
        if statement.startswith("LOCK TABLE"):  # the only one that the grammar at hand doesn't know
            assert LOCK_TABLES.fullmatch(statement)
            continue
        parsed = sqlglot.parse_one(statement, dialect="oracle")
        assert isinstance(parsed, exp.Select | exp.Insert | exp.Update | exp.Delete | exp.Merge | exp.Create), (
            statement[:200]
        )


@pytest.mark.parametrize("tables", PROFILES.values(), ids=PROFILES)
def test_tables_have_explicit_types_and_times_keep_their_zone(tables: ErpTables) -> None:
    kinds: dict[str, set[str]] = {}
    for statement in every_statement(tables):
        if not statement.startswith("CREATE TABLE"):
            continue
        for column in sqlglot.parse_one(statement, dialect="oracle").find_all(exp.ColumnDef):
            kind = column.args["kind"].sql(dialect="oracle").replace("VARCHAR(", "VARCHAR2(")
            kinds.setdefault(kind, set()).add(column.name)
        assert "BOOLEAN" not in statement
        assert "CLOB" not in statement
        assert "FLOAT" not in statement
    allowed = re.compile(r"NUMBER\(\d+, \d+\)|VARCHAR2\(\d+ CHAR\)|RAW\(32\)|TIMESTAMP WITH TIME ZONE|DATE")
    assert all(allowed.fullmatch(kind) for kind in kinds), kinds.keys()
    # A day without its hour is the only DATE; the built-in tables have none.
    assert kinds.get("DATE", set()) <= {"dt_mov"}
    assert kinds["RAW(32)"] == {"content_hash"}


def test_lists_never_exceed_what_oracle_takes() -> None:
    for statement in every_statement(BUILT_IN):
        for found in sqlglot.parse_one(statement, dialect="oracle").find_all(exp.In) if "SELECT" in statement else ():
            assert len(found.expressions) <= 1000


def test_nothing_else_is_executed(driver: Driver, erp: Erp) -> None:
    known = {_flat(statement) for statement in every_statement(BUILT_IN, 4.2)}
    one, offline = sale(1), contingency(2)
    driver.answer = _answers(ledger=[one, offline], held=[one])
    driver.refused = _taken({one.access_key, offline.access_key})
    batch: list[Document] = [one, offline, sale(3, items=(item(1), item(2, product="7"))), number_void()]
    outcomes = erp.post(postings([*batch, contingency(2, authorised=True), cancellation(one), sale(1, change=1)]))
    assert [outcome.result for outcome in outcomes] == [
        Result.POSTED,  # by its own entry
        Result.POSTED,
        Result.POSTED,
        Result.POSTED,
        Result.DUPLICATE,  # nobody held its row without protocol
        Result.POSTED,
        Result.DIVERGENT,
    ]
    list(erp.booked())
    erp.ledger(["x"])
    executed = [_flat(statement) for statement in driver.statements]
    assert len(set(executed)) > 12
    assert {_flat(one) for one in _ours(driver)} <= known
    assert "commit" in driver.events


def test_locks_come_first_and_with_a_time_limit(driver: Driver, erp: Erp) -> None:
    erp.post(postings([sale(1)]))
    ours = _ours(driver)
    assert ours[0].startswith("LOCK TABLE posting_key, sale, ")
    assert ours[0].endswith("WAIT 5")  # whole seconds, never fewer than asked
    stock = next(place for place, statement in enumerate(ours) if "FROM stock" in statement)
    assert ours[stock].rstrip().endswith("FOR UPDATE WAIT 5")
    assert ours[stock + 1].startswith("MERGE INTO stock")
    connection = driver.connections[0]
    assert (connection.call_timeout, connection.module) == (30_000, "malote")
    assert driver.arguments["program"] == "malote"


def test_values_are_bound_as_arrays_and_times_as_text_with_their_zone(driver: Driver, erp: Erp) -> None:
    erp.post(postings([sale(1, items=(item(1), item(2, product="7", quantity="0.5")))]))
    bound = {
        sql.split(" (")[0]: parameters if isinstance(parameters, list) else [parameters]
        for sql, parameters in driver.asked
    }
    entered = [row["identity"] for sql, rows in driver.asked if "INTO posting_key" in sql for row in rows]
    assert entered == ["guard:numbers", f"number:{sale(1).access_key[6:34]}", sale(1).access_key]
    header = bound["INSERT INTO sale"][0]
    assert header["issued_at"] == "2026-03-02T08:00:01.000000-03:00"
    assert header["consumer"] is None  # Oracle's empty text
    assert (header["total"], header["pis"]) == (Decimal(str(sale(1).totals.total / 100 + 1.75)), Decimal("0.13"))
    lines = bound["INSERT INTO sale_item"]
    assert [line["in_total"] for line in lines] == [1, 1]
    merged = next(parameters for sql, parameters in driver.asked if sql.startswith("MERGE"))
    assert [(row["product_code"], row["quantity"]) for row in merged] == [("1001", -2), ("7", Decimal("-0.5"))]


def test_a_stock_row_that_another_poster_makes_meanwhile_is_added_to(driver: Driver, erp: Erp) -> None:
    def refused(sql: str, place: int, row: Any) -> Any:
        merges = sum(one.startswith("MERGE") for one in driver.statements)
        first = sql.startswith("MERGE") and merges == 1
        return error(1, "unique constraint (S.STOCK_PKEY) violated", place) if first else None

    driver.refused = refused
    assert [one.result for one in erp.post(postings([sale(1)]))] == [Result.POSTED]
    assert sum(statement.startswith("MERGE") for statement in driver.statements) == 2


def test_an_error_in_the_array_undoes_the_batch(driver: Driver, erp: Erp) -> None:
    driver.refused = lambda sql, place, row: error(60, "deadlock detected", place) if "posting_key" in sql else None
    with pytest.raises(ErpError) as refused:
        erp.post(postings([sale(1)]))
    assert (refused.value.code, refused.value.transient) == ("erp_conflict", True)
    assert refused.value.detail == "posting_key, ORA-00060"
    assert driver.events[-1] == "rollback"


def test_a_number_that_oracle_would_round_is_refused(driver: Driver, erp: Erp) -> None:
    with pytest.raises(ErpError) as refused:
        erp.post(postings([sale(1, items=(item(quantity="2", price="3.5"),)), sale(2, items=(_fine(),))]))
    assert (refused.value.code, refused.value.transient) == ("value_out_of_range", False)


def _fine() -> Item:
    return msgspec.structs.replace(item(), quantity=Decimal("0.00001"))


def test_the_grants_name_every_table() -> None:
    erp = OracleErp(make_url(URL), Options(lock_timeout=5, statement_timeout=30, tables=BUILT_IN))
    said = grant_statements(erp.grants("malote"))
    erp.close()
    assert said[0] == "GRANT CREATE SESSION TO malote;"
    assert "GRANT SELECT, INSERT, UPDATE ON stock TO malote;" in said
    assert len(said) == 8
    for statement in said[1:]:
        assert isinstance(sqlglot.parse_one(statement, dialect="oracle"), exp.Grant)


# ---- its errors ----


@pytest.mark.parametrize(
    ("number", "code", "transient"),
    [
        (1, "erp_constraint", False),
        (54, "erp_locked", True),
        (60, "erp_conflict", True),
        (257, "erp_full", True),
        (600, "erp_refused", False),
        (904, "structure_outdated", False),
        (942, "structure_outdated", False),
        (1013, "erp_slow", True),
        (1017, "erp_refused_login", True),
        (1031, "erp_privilege", True),
        (1033, "erp_away", True),
        (1400, "erp_constraint", False),
        (1438, "value_out_of_range", False),
        (1536, "erp_full", True),
        (1578, "erp_damaged", True),
        (1653, "erp_full", True),
        (1654, "erp_full", True),
        (2290, "erp_constraint", False),
        (2291, "erp_constraint", False),
        (3113, "erp_away", True),
        (3114, "erp_away", True),
        (8177, "erp_conflict", True),
        (12154, "erp_away", True),
        (12514, "erp_database_refused", True),
        (18, "erp_crowded", True),
        (12519, "erp_crowded", True),
        (1456, "erp_read_only", True),
        (16000, "erp_read_only", True),
        (1476, "erp_refused", False),  # division by zero
        (6502, "erp_refused", False),  # a number that PL/SQL itself took amiss
        (12541, "erp_away", True),
        (12899, "value_out_of_range", False),
        (20001, "erp_refused", False),
        (28000, "erp_refused_login", True),
        (28001, "erp_refused_login", True),
        (30006, "erp_locked", True),
        (41900, "erp_privilege", True),
    ],
)
def test_every_number_has_its_code(number: int, code: str, transient: bool) -> None:
    told = classify(oracledb.DatabaseError(error(number, "words with 52998224725 in them")), "sale")
    assert (told.code, told.transient) == (code, transient)
    assert told.detail == f"sale, ORA-{number:05}"


def test_which_foreign_key_found_no_row() -> None:
    told = [error(number, f"ORA-0{number}: integrity constraint (ERP.FK_PRODUTO) violated") for number in (2291, 2292)]
    assert [classify(oracledb.IntegrityError(one)).reference for one in told] == ["FK_PRODUTO", None]


@pytest.mark.parametrize(
    ("message", "code", "transient"),
    [
        ("DPY-4011: the database or network closed the connection", "erp_away", True),
        ("DPY-6005: cannot connect to database", "erp_away", True),
        ("DPY-6001: service not registered", "erp_away", True),
        ("DPY-4024: call timeout of 30000 ms exceeded", "erp_slow", True),
        ("DPY-4001: no credentials specified", "erp_refused_login", True),
        ("DPY-3002: Python value of type X is not supported", "erp_refused", False),
    ],
)
def test_the_drivers_own_errors_have_theirs(message: str, code: str, transient: bool) -> None:
    from oracledb import errors

    told = classify(oracledb.DatabaseError(errors._Error(message)), "")
    assert (told.code, told.transient, told.detail) == (code, transient, message[:8])


@pytest.mark.parametrize(
    ("number", "message", "names"),
    [
        (1, "unique constraint (VENDAS.SALE_PKEY) violated", "VENDAS.SALE_PKEY"),
        (904, '"SALE_ITEM"."CBS_AMOUNT": invalid identifier', "SALE_ITEM.CBS_AMOUNT"),
        (1400, 'cannot insert NULL into ("VENDAS"."SALE"."TILL")', "VENDAS.SALE.TILL"),
        (12899, 'value too large for column "VENDAS"."SALE"."TILL" (actual: 99, maximum: 9)', "VENDAS.SALE.TILL"),
        (1, "unique constraint (S.K) violated on table S.T columns (C)\nrow with column values (C:'529')", "S.K, C"),
    ],
)
def test_objects_are_named_and_values_never(number: int, message: str, names: str) -> None:
    assert classify(oracledb.DatabaseError(error(number, message)), "").detail == f"{names}, ORA-{number:05}"


def test_a_password_is_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: Any, **arguments: Any) -> Any:
        assert arguments["password"] == "hidden"
        raise oracledb.DatabaseError(error(12541, "no listener for malote/hidden@db.example"))

    monkeypatch.setattr(oracledb, "connect", connect)
    erp = open_erp(URL, lock_timeout_seconds=1)
    with pytest.raises(ErpError) as refused:
        erp.post(postings([sale(1)]))
    assert (refused.value.code, refused.value.transient) == ("erp_away", True)
    assert "hidden" not in str(refused.value)


# ---- answers ----


def _ours(driver: Driver) -> list[str]:
    """Without what SQLAlchemy asks when it connects."""
    own_of_sqlalchemy = ("sys_context", "dbms_transaction", "v$transaction", "select 1 from dual")
    return [one for one in driver.statements if not any(word in one.lower() for word in own_of_sqlalchemy)]


def _flat(statement: str) -> str:
    return " ".join(statement.split())


def _taken(keys: set[str]) -> Callable[[str, int, Any], Any]:
    """These keys are in the ledger already."""

    def refused(sql: str, place: int, row: Any) -> Any:
        if "posting_key" in sql and row["identity"] in keys:
            return error(1, "unique constraint (S.POSTING_KEY_PKEY) violated", place)
        return None

    return refused


def _answers(ledger: list[Any], held: list[Any]) -> Callable[[str, Any], list[tuple[Any, ...]]]:
    """A ledger that this till wrote, as documents 1, 2 and so on, and the sales behind it."""

    def answer(sql: str, parameters: Any) -> list[tuple[Any, ...]]:
        flat = _flat(sql)
        if flat.startswith("SELECT posting_key.identity"):
            return [(one.access_key, content_hash(one), "caixa1", place) for place, one in enumerate(ledger, 1)]
        if "FOR UPDATE" in flat and "FROM sale " in flat:
            return [(one.access_key, 100, None) for one in held]
        if flat.startswith("SELECT sale.issuer"):
            return [(one.issuer, "1001", Decimal(2)) for one in held]
        if flat.startswith("SELECT sale.access_key AS"):
            asked = set(parameters.values())
            return [_readable(rows.sale_row(one, "caixa1"), flat) for one in ledger if one.access_key in asked]
        return []

    return answer


def _readable(row: dict[str, Any], sql: str) -> tuple[Any, ...]:
    """In the order of the statement, as the driver gives them: amounts as decimals, times as text."""
    names = re.findall(r' AS "?(\w+)"?', sql.partition(" FROM ")[0])
    money = {column.name for column in BUILT_IN.sale.table.columns if isinstance(column.type, Money)}
    return tuple(_given(row.get(name), money=name in money) for name in names)


def _given(value: Any, *, money: bool) -> Any:
    if money:
        return Decimal(value or 0).scaleb(-2)
    return value.isoformat() if isinstance(value, datetime) else value
