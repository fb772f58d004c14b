"""Drift and plan on real databases: what is said of each way in which a structure can differ."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from malote.config import ErpSettings, Settings
from malote.database.engine import open_database
from malote.database.migrations import migrate
from malote.erp.factory import open_configured, open_erp
from malote.structures.structure_service import Structures
from malote.structures.wanted import erp_of_2025
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.structures_support import ACTOR, create, harmful, run_sql, shown, structures_over

pytest_plugins = ("tests.engines.spool_fixtures", "tests.engines.erp_fixtures")


@pytest.fixture
def structures(tmp_path: Path, erp_url: str) -> Iterator[Structures]:
    with structures_over(tmp_path, erp_url) as (services, _):
        yield services


def test_what_the_engine_itself_creates_has_no_drift(structures: Structures, erp_url: str) -> None:
    erp = open_erp(erp_url, lock_timeout_seconds=5)
    erp.create_structure()
    erp.close()
    assert structures.drift("erp").differences == []
    assert structures.plan("erp").steps == []


def test_an_empty_database_lacks_every_table(structures: Structures) -> None:
    drift = structures.drift("erp")
    assert not drift.complete
    assert len(shown(drift.differences, "missing")) == 7
    assert [step.sql.split('"')[1] for step in structures.plan("erp").steps] == [one.table for one in drift.differences]


def test_last_years_structure_lacks_the_columns_of_the_reform(structures: Structures, erp_url: str) -> None:
    create(erp_url, erp_of_2025())
    lacking = harmful(structures.drift("erp"))
    assert "missing column sale_item.cbs_rate" in lacking
    assert "missing column sale.ibs" in lacking
    assert len(lacking) == 23
    steps = structures.plan("erp").steps
    assert len(steps) == (2 if erp_url.startswith("postgresql") else 23)
    assert {step.locking for step in steps} == {"moment"}
    assert sorted(name for step in steps for name in step.adds)[-1] == "sale_item.selective_amount"


def test_the_stores_own_database_has_no_drift(tmp_path: Path, spool_url: str) -> None:
    with structures_over(tmp_path, "", spool_url) as (services, _):
        drift = services.drift("store")
        assert drift.differences == []


def test_a_table_of_the_store_that_is_gone_is_no_empty_one(tmp_path: Path, spool_url: str) -> None:
    with structures_over(tmp_path, "", spool_url) as (services, _):
        run_sql(spool_url, "DROP TABLE folder_mark", "DROP INDEX document_retry")
        drift = services.drift("store")
        assert sorted(harmful(drift)) == [
            "conflict table folder_mark.folder_mark",
            "missing index document.document_retry",
        ]
        plan = services.plan("store")
        assert len(plan.steps) == 1
        assert "WHERE retry_at IS NOT NULL" in plan.steps[0].sql
        assert [one.code for one in plan.refused] == ["structure_table_lost"]


def test_a_column_of_another_type_is_said_and_left(structures: Structures, erp_url: str) -> None:
    create(erp_url, erp_of_2025())
    run_sql(erp_url, "ALTER TABLE sale_item ADD COLUMN cbs_rate TEXT")
    plan = structures.plan("erp")
    (refused,) = plan.refused
    assert (refused.what, refused.name, refused.code) == ("type", "cbs_rate", "column_type_differs")
    assert refused.facts["object"] == "sale_item.cbs_rate"
    assert refused.found.lower() == "text"
    assert all("cbs_rate" not in step.sql for step in plan.steps)
    assert len(harmful(structures.drift("erp"))) == 23


def test_extras_are_shown_and_never_dropped(structures: Structures, erp_url: str) -> None:
    erp = open_erp(erp_url, lock_timeout_seconds=5)
    erp.create_structure()
    erp.close()
    run_sql(erp_url, "ALTER TABLE sale ADD COLUMN loja TEXT", "CREATE INDEX por_loja ON sale (loja)")
    drift = structures.drift("erp")
    assert drift.complete
    assert shown(drift.differences, "extra") == ["extra column sale.loja", "extra index sale.por_loja"]
    assert structures.plan("erp").steps == []


def test_a_foreign_column_that_demands_a_value_would_stop_every_sale(structures: Structures, erp_url: str) -> None:
    erp = open_erp(erp_url, lock_timeout_seconds=5)
    erp.create_structure()
    erp.close()
    run_sql(erp_url, "DROP TABLE payment")
    run_sql(
        erp_url,
        "CREATE TABLE payment (access_key TEXT, number INTEGER, method TEXT, amount NUMERIC(15, 2) NOT NULL,"
        " acquirer TEXT, brand TEXT, authorisation TEXT, description TEXT, caixa TEXT NOT NULL,"
        " PRIMARY KEY (access_key, number))"
        if erp_url.startswith("postgresql")
        else "CREATE TABLE payment (access_key TEXT, number INTEGER, method TEXT, amount BIGINT NOT NULL,"
        " acquirer TEXT, brand TEXT, authorisation TEXT, description TEXT, caixa TEXT NOT NULL,"
        " PRIMARY KEY (access_key, number))",
    )
    (line,) = structures.drift("erp").differences
    assert (line.severity, line.name, line.code) == ("conflict", "caixa", "column_demands_value")


def test_a_unique_key_over_duplicates_is_refused_with_the_keys(structures: Structures, erp_url: str) -> None:
    erp = open_erp(erp_url, lock_timeout_seconds=5)
    erp.create_structure()
    erp.close()
    kind, number = ("NUMERIC(19, 4)", "'1'") if erp_url.startswith("postgresql") else ("BIGINT", "1")
    run_sql(
        erp_url,
        "DROP TABLE stock",
        f"CREATE TABLE stock (issuer TEXT NOT NULL, product_code TEXT NOT NULL, quantity {kind} NOT NULL)",
        *(f"INSERT INTO stock VALUES ('11222333000181', '{code}', {number})" for code in ("7", "7", "8", "9", "9")),
    )
    plan = structures.plan("erp")
    assert plan.steps == []
    (refused,) = plan.refused
    assert (refused.what, refused.code) == ("primary_key", "unique_has_duplicates")
    assert refused.facts["keys"].split("; ") == ["11222333000181, 7", "11222333000181, 9"]
    run_sql(erp_url, "DELETE FROM stock WHERE product_code <> '8'")
    (step,) = structures.plan("erp").steps
    assert step.sql.startswith("CREATE UNIQUE INDEX")
    assert step.concurrent is erp_url.startswith("postgresql")


@pytest.mark.postgresql
@pytest.mark.parametrize("erp_url", ["postgresql"], indirect=True)
def test_nullability_and_defaults(structures: Structures, erp_url: str) -> None:
    erp = open_erp(erp_url, lock_timeout_seconds=5)
    erp.create_structure()
    erp.close()
    run_sql(
        erp_url,
        "ALTER TABLE sale ALTER COLUMN consumer SET NOT NULL",
        "ALTER TABLE sale ALTER COLUMN till DROP NOT NULL",
        "ALTER TABLE sale ALTER COLUMN posted_at DROP DEFAULT",
        "ALTER TABLE stock ALTER COLUMN quantity SET DEFAULT 5",
        "ALTER TABLE cancellation ALTER COLUMN posted_at SET DEFAULT clock_timestamp()",
    )
    drift = structures.drift("erp")
    assert sorted(f"{one.severity} {one.what} {one.table}.{one.name}" for one in drift.differences) == [
        "extra default stock.quantity",
        "loose default cancellation.posted_at",
        "loose nullability sale.till",
        "missing default sale.posted_at",
        "missing nullability sale.consumer",
    ]
    assert [step.sql for step in structures.plan("erp").steps] == [
        'ALTER TABLE "sale" ALTER COLUMN "consumer" DROP NOT NULL',
        'ALTER TABLE "sale" ALTER COLUMN "posted_at" SET DEFAULT now()',
    ]


@pytest.mark.postgresql
def test_privileges_that_are_missing_are_named_with_the_remedy(tmp_path: Path) -> None:
    url = fresh_postgresql_url()
    role = f"malote_posts_{url.partition('?')[0].rsplit('_', 1)[-1]}"
    create(url, erp_of_2025())
    run_sql(
        url,
        f"CREATE ROLE {role} LOGIN PASSWORD 'x'",
        f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO {role}",
        f"GRANT UPDATE ON stock TO {role}",
    )
    try:
        with structures_over(tmp_path, url.replace("postgres:@", f"{role}:x@").replace("postgres@", f"{role}:x@")) as (
            services,
            _,
        ):
            plan = services.plan("erp")
            assert plan.steps == []
            assert {one.code for one in plan.refused} == {"privilege_missing", "structure_needs_owner"}
            grants = [one.facts["grant"] for one in plan.refused if one.code == "privilege_missing"]
            assert any(grant.startswith("GRANT UPDATE (") for grant in grants)
            assert any("ADD COLUMN" in one.facts.get("sql", "") for one in plan.refused)
    finally:
        discard_postgresql(url)
        run_sql(fresh_postgresql_url(), f"DROP ROLE {role}")


def test_an_erp_with_names_of_its_own(tmp_path: Path, erp_url: str) -> None:
    """Only the ledger is made; of the ERP's own tables absent columns count, and types are its own affair."""
    settings = Settings(home=str(tmp_path), erp=ErpSettings(url=erp_url, profile="varejo"))
    engine = open_database(settings.database_url)
    migrate(engine)
    services = Structures(engine, settings)
    plan = services.plan("erp")
    assert [step.table for step in plan.steps] == ["malote_chave"]
    assert {one.code for one in plan.refused} == {"structure_table_foreign"}
    erp = open_configured(settings)
    erp.create_structure(everything=True)
    erp.close()
    assert services.plan("erp").steps == []
    run_sql(erp_url, "ALTER TABLE nfc_linha DROP COLUMN desc_curta", "ALTER TABLE nfc_capa ADD COLUMN praca TEXT")
    drift = services.drift("erp")
    assert harmful(drift) == ["missing column nfc_linha.desc_curta"]
    assert services.apply("erp", ACTOR).state == "done"
    assert harmful(services.drift("erp")) == []
    engine.dispose()
