"""A profile against a live database: what is missing or of another type is named, on both engines."""

from collections.abc import Iterator

import pytest

from malote.erp.conformance.scratch import Scratch, scratch_at
from malote.erp.factory import open_erp
from malote.erp.mapping import ErpTables
from malote.erp.profiles.checking import ProfileFault
from malote.erp.profiles.profile import load
from malote.erp.protocol import ErpError, Result
from tests.engines.erp_support import Tables, post
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.sales import item, sale

pytest_plugins = ["tests.engines.erp_fixtures"]

VAREJO = ErpTables(load("varejo"))


@pytest.fixture
def tables(erp_url: str) -> Iterator[Tables]:
    erp = open_erp(erp_url, lock_timeout_seconds=5, tables=VAREJO)
    erp.create_structure(everything=True)
    erp.close()
    opened = Tables(erp_url)
    yield opened
    opened.engine.dispose()


def alter(scratch: Scratch, *statements: str) -> None:
    engine = scratch.somebody()
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def faults(url: str, tables: ErpTables = VAREJO) -> list[tuple[str, str, str]]:
    erp = open_erp(url, lock_timeout_seconds=5, tables=tables)
    try:
        return [(fault.kind, fault.table, fault.column) for fault in erp.faults()]
    finally:
        erp.close()


def test_what_is_there_fits(erp_url: str, tables: Tables) -> None:
    assert faults(erp_url) == []


def test_what_is_missing_is_named(erp_url: str, tables: Tables) -> None:
    tables.run(
        "ALTER TABLE nfc_linha DROP COLUMN desc_curta",
        "ALTER TABLE nfc_capa DROP COLUMN situacao",
        "ALTER TABLE malote_chave DROP COLUMN till",
        "DROP TABLE nfc_inutil",
    )
    assert faults(erp_url) == [
        ("column_missing", "malote_chave", "till"),
        ("column_missing", "nfc_capa", "situacao"),
        ("column_missing", "nfc_linha", "desc_curta"),
        ("table_missing", "nfc_inutil", ""),
    ]


def test_an_empty_database_lacks_every_table() -> None:
    scratch = scratch_at("sqlite://", load("varejo"))
    try:
        scratch.create()
        dropped = [f"DROP TABLE {table.name}" for table in VAREJO.metadata.sorted_tables]
        alter(scratch, "CREATE TABLE nfc_capas (x INTEGER)", *dropped)
        assert {kind for kind, _, _ in faults(scratch.url)} == {"table_missing"}
        assert len(faults(scratch.url)) == 7
    finally:
        scratch.remove()


def test_sqlite_keeps_days_and_hours_as_text_whatever_their_columns_are_called() -> None:
    scratch = scratch_at("sqlite://", load("varejo"))
    try:
        scratch.create()
        alter(scratch, "ALTER TABLE nfc_capa DROP COLUMN dt_mov", "ALTER TABLE nfc_capa ADD COLUMN dt_mov TEXT")
        assert faults(scratch.url) == []
        alter(scratch, "ALTER TABLE nfc_capa DROP COLUMN dt_mov", "ALTER TABLE nfc_capa ADD COLUMN dt_mov BLOB")
        assert faults(scratch.url) == [("column_mistyped", "nfc_capa", "dt_mov")]
    finally:
        scratch.remove()


def test_a_column_that_nobody_fills_is_named(erp_url: str, tables: Tables) -> None:
    tables.run(
        "DROP TABLE nfc_receb",
        "CREATE TABLE nfc_receb (id INTEGER PRIMARY KEY, chv_nfc TEXT, seq INTEGER, cod_forma VARCHAR(3), tp_pag TEXT,"
        " vl_pago BIGINT, cnpj_adq TEXT, cod_aut TEXT, banco INTEGER NOT NULL, com_padrao INTEGER NOT NULL DEFAULT 1)"
        if tables.engine.dialect.name == "sqlite"
        else "CREATE TABLE nfc_receb (id INTEGER GENERATED ALWAYS AS IDENTITY, chv_nfc TEXT, seq INTEGER,"
        " cod_forma VARCHAR(3), tp_pag TEXT, vl_pago NUMERIC(15,2), cnpj_adq TEXT, cod_aut TEXT,"
        " banco INTEGER NOT NULL, com_padrao INTEGER NOT NULL DEFAULT 1)",
    )
    assert ("column_required", "nfc_receb", "banco") in faults(erp_url)
    assert "com_padrao" not in {column for _, _, column in faults(erp_url)}


def test_a_missing_key_is_named(erp_url: str, tables: Tables) -> None:
    quantity = "BIGINT" if tables.engine.dialect.name == "sqlite" else "NUMERIC(19,4)"
    plain = f"CREATE TABLE saldo_prod (cnpj_loja TEXT, cod_dep INTEGER, cod_prod TEXT, qtd_saldo {quantity})"
    tables.run("DROP TABLE saldo_prod", plain)
    assert faults(erp_url) == [("key_missing", "saldo_prod", "cnpj_loja, cod_dep, cod_prod")]
    tables.run("CREATE UNIQUE INDEX of_stock ON saldo_prod (cod_prod, cnpj_loja, cod_dep)")
    assert faults(erp_url) == []
    erp = open_erp(erp_url, lock_timeout_seconds=5, tables=VAREJO)
    assert post(erp, sale(1, items=(item(1), item(2)))) == [Result.POSTED]
    erp.close()


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("column", "kind", "found"),
    [
        ("nfc_capa.vl_total", "DOUBLE PRECISION", "DOUBLE PRECISION"),
        ("nfc_capa.vl_total", "NUMERIC(15,1)", "NUMERIC(15, 1)"),
        ("nfc_capa.vl_total", "NUMERIC", ""),
        ("nfc_capa.vl_total", "NUMERIC(10,4)", ""),
        ("nfc_capa.vl_total_cent", "NUMERIC(18,0)", ""),
        ("nfc_capa.vl_total_cent", "TEXT", "TEXT"),
        ("nfc_capa.dth_emis", "TIMESTAMP", "TIMESTAMP WITHOUT TIME ZONE"),
        ("nfc_capa.dt_mov", "TIMESTAMP", ""),
        ("nfc_capa.num_nota", "TEXT", "TEXT"),
        ("nfc_capa.cod_caixa", "VARCHAR(20)", ""),
        ("nfc_capa.situacao", "CHAR(1)", ""),
        ("nfc_linha.desc_curta", "VARCHAR(19)", "VARCHAR(19)"),
        ("nfc_linha.desc_curta", "VARCHAR(20)", ""),
        ("nfc_linha.qtd", "NUMERIC(12,3)", "NUMERIC(12, 3)"),
        ("nfc_linha.qtd", "INTEGER", "INTEGER"),
        ("nfc_linha.entra_total", "INTEGER", "INTEGER"),
        ("nfc_receb.cod_forma", "VARCHAR(2)", "VARCHAR(2)"),
    ],
)
def test_a_mistyped_column_is_named_with_both_types(postgresql: Scratch, column: str, kind: str, found: str) -> None:
    table, name = column.split(".")
    schema = postgresql.tables.schema
    alter(
        postgresql,
        f"ALTER TABLE {schema}.{table} ALTER COLUMN {name} DROP DEFAULT, ALTER COLUMN {name} TYPE {kind} USING NULL",
    )
    erp = postgresql.open()
    try:
        told = erp.faults()
    finally:
        erp.close()
    assert [(fault.kind, fault.table, fault.column, fault.found) for fault in told] == (
        [("column_mistyped", table, name, found)] if found else []
    )
    assert all(fault.expected for fault in told)


@pytest.fixture
def postgresql() -> Iterator[Scratch]:
    url = fresh_postgresql_url()
    scratch = scratch_at(url, load("varejo"))
    scratch.create()
    nullable = [
        f"ALTER TABLE {scratch.tables.schema}.{table.name} ALTER COLUMN {column.name} DROP NOT NULL"
        for table in VAREJO.metadata.sorted_tables
        for column in table.columns
        if not column.primary_key and not column.nullable
    ]
    alter(scratch, *nullable)
    yield scratch
    scratch.remove()
    discard_postgresql(url)


def test_an_erps_own_tables_are_not_created_by_mistake(erp_url: str) -> None:
    if erp_url.startswith("sqlite"):
        return  # a new file is for trying out, and gets all of them
    erp = open_erp(erp_url, lock_timeout_seconds=5, tables=VAREJO)
    erp.create_structure()
    left = {fault.table for fault in erp.faults()}
    assert left == {table.name for table in VAREJO.metadata.sorted_tables} - {"malote_chave"}
    with pytest.raises(ErpError) as refused:
        post(erp, sale(1))
    assert refused.value.code == "structure_outdated"
    erp.close()


def test_a_fault_is_a_value() -> None:
    assert ProfileFault("table_missing", "x") == ProfileFault("table_missing", "x", "", "", "")
