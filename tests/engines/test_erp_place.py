"""Malote works where its ledger is, whatever other schemas are called."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import make_url, text
from typer.testing import CliRunner

from malote.cli.main import assemble
from malote.config import ErpSettings, Settings
from malote.database.opened import opened_store
from malote.erp.factory import open_configured, open_erp
from malote.erp.protocol import ErpError, Result
from malote.erp.sessions.factory import open_watch
from malote.reconciliation import erp_memory
from malote.structures.structure_service import Structures
from malote.structures.target_databases import open_target
from malote.structures.wanted import declared
from tests.engines.erp_support import Tables, post
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.sales import postings, sale

pytestmark = pytest.mark.postgresql

COUNT = "SELECT count(*) FROM pg_tables WHERE schemaname = '{}'"


@pytest.fixture
def url() -> Iterator[str]:
    made = fresh_postgresql_url()
    with closing(open_erp(made, lock_timeout_seconds=5)) as erp:
        erp.create_structure()
        assert post(erp, sale(1), sale(2)) == [Result.POSTED] * 2
    yield made
    discard_postgresql(made)


@pytest.fixture
def shadow(url: str) -> Iterator[Tables]:
    """A schema called like the user, made after the ledger."""
    tables = Tables(url)
    with tables.engine.connect() as connection:
        user = connection.exec_driver_sql("SELECT current_user").scalar_one()
    tables.run(f'CREATE SCHEMA "{user}"')
    yield tables
    tables.engine.dispose()


def user_of(tables: Tables) -> str:
    with tables.engine.connect() as connection:
        return str(connection.exec_driver_sql("SELECT current_user").scalar_one())


def count(tables: Tables, schema: str) -> int:
    with tables.engine.connect() as connection:
        return int(connection.exec_driver_sql(COUNT.format(schema)).scalar_one())


def test_nothing_is_made_in_a_schema_that_came_later(url: str, shadow: Tables, tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path), erp=ErpSettings(url=url))
    with closing(open_configured(settings)) as erp:
        erp.create_structure()
        assert count(shadow, user_of(shadow)) == 0
        assert post(erp, sale(1), first_id=7) == [Result.DUPLICATE]
        assert set(erp.ledger([sale(1).access_key])) == {sale(1).access_key}
        assert [one.access_key for one in erp.booked()] == sorted([sale(1).access_key, sale(2).access_key])
        assert erp.faults() == []
        assert erp.schema == "public"
    wanted = declared("erp", settings)
    with open_target("erp", settings, wanted.schema).looking() as session:
        assert "sale" in session.look(wanted)
    watch = open_watch(url)
    assert watch is not None
    assert watch.held(postings((sale(1),))) == {}
    watch.close()


def test_a_schema_made_while_it_runs_changes_nothing(url: str) -> None:
    tables = Tables(url)
    with closing(open_erp(url, lock_timeout_seconds=5)) as erp:
        post(erp, sale(3), first_id=3)
        tables.run(f'CREATE SCHEMA "{user_of(tables)}"', f'CREATE TABLE "{user_of(tables)}".sale (n int)')
        assert post(erp, sale(4), first_id=4) == [Result.POSTED]
    assert len(tables.ask(text("SELECT 1 FROM public.sale"))) == 4
    tables.engine.dispose()


def test_two_ledgers_are_a_question_and_no_guess(url: str, shadow: Tables, tmp_path: Path) -> None:
    user = user_of(shadow)
    shadow.run(f'CREATE TABLE "{user}".posting_key (LIKE public.posting_key INCLUDING ALL)')
    settings = Settings(home=str(tmp_path), erp=ErpSettings(url=url))
    with closing(open_configured(settings)) as erp, pytest.raises(ErpError) as asked:
        post(erp, sale(1), first_id=9)
    assert (asked.value.code, asked.value.transient) == ("erp_ledger_ambiguous", True)
    assert asked.value.detail == f"{user}.posting_key, public.posting_key"
    # What this server booked into before decides, and so do the settings.
    with closing(open_configured(settings, remembered="public")) as erp:
        assert post(erp, sale(1), first_id=9) == [Result.DUPLICATE]
    said = msgspec.structs.replace(settings, erp=msgspec.structs.replace(settings.erp, schema="public"))
    with closing(open_configured(said)) as erp:
        assert post(erp, sale(1), first_id=9) == [Result.DUPLICATE]


def test_a_path_that_leads_elsewhere_afterwards_makes_no_second_ledger(
    url: str, shadow: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, database = user_of(shadow), make_url(url).database
    settings = Settings(home=str(tmp_path), erp=ErpSettings(url=url))
    with opened_store(settings) as (_, store):
        erp_memory.remember(store, "public", 1.0)
        shadow.run("CREATE SCHEMA elsewhere", f'ALTER DATABASE "{database}" SET search_path = elsewhere')
        monkeypatch.setenv("MALOTE_HOME", str(tmp_path))
        monkeypatch.setenv("MALOTE_ERP_URL", url)
        made = CliRunner().invoke(assemble(), ["erp", "create"])
        assert made.exit_code == 0, made.output
        assert count(shadow, "elsewhere") == count(shadow, user) == 0
        assert Structures(store, settings).drift("erp").differences == []
    with closing(open_configured(settings, remembered="public")) as erp:
        assert post(erp, sale(1), first_id=9) == [Result.DUPLICATE]
        assert erp.schema == "public"
