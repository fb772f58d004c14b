"""``malote erp …`` as whoever looks after a production database meets it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from malote.erp.conformance.scratch import SCHEMA_PREFIX
from malote.erp.conformance.suite import CHECKS
from tests import command_line
from tests.command_line import Ended
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url


def malote(folder: Path, *words: str) -> Ended:
    return command_line.malote(folder, "erp", *words)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "malote.toml").write_text('language = "en"\n', encoding="utf-8")
    return tmp_path


@pytest.fixture
def url() -> Iterator[str]:
    made = fresh_postgresql_url()
    yield made
    discard_postgresql(made)


def test_a_table_that_is_there_and_does_not_fit_is_named_and_no_success(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "erp.sqlite3")) as connection, connection:
        connection.execute("CREATE TABLE sale (access_key TEXT PRIMARY KEY, total BLOB)")
    ended = malote(folder, "create")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "sale.series" in ended.stderr
    assert "[profile_unfit]" in ended.stderr
    (folder / "erp.sqlite3").unlink()
    assert malote(folder, "create").returncode == 0


# ---- verify ----


@pytest.mark.postgresql
def test_a_database_is_verified_and_left_as_it_was(folder: Path, url: str) -> None:
    with_password = make_url(url).set(password="pa55w0rd").render_as_string(hide_password=False)
    ended = malote(folder, "verify", with_password)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    lines = ended.stdout.splitlines()
    assert sum(line.startswith("✔ ") for line in lines) == len(CHECKS)
    assert lines[-1].endswith(f"{len(CHECKS)} passed, 0 failed, 0 not applicable")
    assert "pa55w0rd" not in ended.stdout + ended.stderr
    with psycopg.connect(url) as connection:
        left = connection.execute("SELECT count(*) FROM pg_class WHERE relnamespace >= 16384").fetchone()
        assert left == (0,)
        schemas = connection.execute(
            f"SELECT count(*) FROM pg_namespace WHERE nspname LIKE '{SCHEMA_PREFIX}%'".encode()
        ).fetchone()
        assert schemas == (0,)


def test_a_report_for_programs(folder: Path) -> None:
    ended = malote(folder, "verify", "--json", "--profile", "varejo")
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert (report["engine"], report["profile"], report["verified"]) == ("sqlite", "varejo", True)
    assert (report["passed"], report["failed"], report["skipped"]) == (len(CHECKS) - 2, 0, 2)
    assert [one["code"] for one in report["findings"]] == [check.code for check in CHECKS]
    assert not (folder / "erp.sqlite3").exists()


def test_a_database_that_is_away_can_not_be_verified(folder: Path) -> None:
    ended = malote(folder, "verify", "postgresql://u:pa55w0rd@127.0.0.1:1/none")
    assert ended.returncode == 3
    assert "erp_away" in ended.stderr
    assert "pa55w0rd" not in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.postgresql
def test_an_engine_that_does_otherwise_fails(folder: Path, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        # A rule that stands in every schema: what is booked is not what was asked.
        connection.execute(
            "CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS $$ DECLARE made record; BEGIN"
            " FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE object_identity LIKE '%.payment' LOOP"
            " EXECUTE format('ALTER TABLE %s ALTER COLUMN amount TYPE numeric(15,1)', made.object_identity);"
            " END LOOP; END $$"
        )
        connection.execute(
            "CREATE EVENT TRIGGER meddle ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION meddle()"
        )
    ended = malote(folder, "verify", url)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    failed = [line for line in ended.stdout.splitlines() if line.startswith("✘")]
    assert any("payments[2].amount" in line for line in failed), failed


# ---- grants ----


def test_grants_are_printed_without_asking_the_database(folder: Path) -> None:
    ended = malote(folder, "grants", "postgresql://poster:pa55w0rd@127.0.0.1:1/none")
    assert ended.returncode == 0, ended.stderr
    said = ended.stdout.splitlines()
    assert said[0] == "GRANT USAGE ON SCHEMA public TO poster;"
    assert "GRANT SELECT, INSERT, UPDATE (quantity) ON public.stock TO poster;" in said
    assert "GRANT INSERT ON public.number_void TO poster;" in said
    assert "pa55w0rd" not in ended.stdout


def test_grants_follow_the_profile_and_the_engine(folder: Path) -> None:
    (folder / "malote.toml").write_text('[erp]\nurl = "oracle://h/?service_name=x"\nprofile = "varejo"\n')
    ended = malote(folder, "grants", "--user", "App")
    assert ended.returncode == 0, ended.stderr
    assert 'GRANT CREATE SESSION TO "App";' in ended.stdout
    assert 'GRANT SELECT, INSERT, UPDATE ON saldo_prod TO "App";' in ended.stdout
    assert "SQLite" in malote(folder, "grants", "sqlite://").stdout


# ---- profiles ----


def test_a_profile_is_shown_changed_and_checked(folder: Path) -> None:
    shown = malote(folder, "profile", "show", "varejo")
    assert shown.returncode == 0
    assert "varejo" in shown.stderr
    changed = shown.stdout.replace('"varejo"', '"minha"', 1).replace("vl_troco", "vl_do_troco")
    (folder / "minha.toml").write_text(changed, encoding="utf-8")
    assert malote(folder, "create").returncode == 0  # Malote's own tables, not the profile's
    ended = malote(folder, "profile", "check", "--profile", "minha.toml", "--json")
    assert ended.returncode == 1, ended.stderr
    report = json.loads(ended.stdout)
    assert (report["profile"], report["fits"]) == ("minha", False)
    assert {fault["kind"] for fault in report["faults"]} == {"table_missing"}
    assert "item.cbs_amount" in report["left_out"]
    said = malote(folder, "profile", "check", "--profile", "minha.toml")
    assert said.returncode == 1
    assert "✘ nfc_capa: table is missing" in said.stdout
    assert malote(folder, "profile", "check").stdout == "✔ malote: fits this database.\n"


@pytest.mark.postgresql
def test_a_mistyped_column_is_said_with_both_types(folder: Path, url: str) -> None:
    (folder / "malote.toml").write_text(f'language = "en"\n[erp]\nurl = "{url}"\n')
    assert malote(folder, "create").returncode == 0
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER TABLE sale ALTER COLUMN total TYPE real")
        connection.execute("ALTER TABLE payment DROP COLUMN brand")
    ended = malote(folder, "profile", "check")
    assert ended.returncode == 1
    assert (
        "✘ sale.total: column of a type that does not fit (amount (decimal number of 2 places) ≠ REAL)" in ended.stdout
    )
    assert "✘ payment.brand: column is missing" in ended.stdout


@pytest.mark.parametrize("command", [("create",), ("grants",), ("verify",), ("profile", "check"), ("profile", "show")])
def test_a_profile_that_can_not_be_used_is_said(folder: Path, command: tuple[str, ...]) -> None:
    (folder / "malote.toml").write_text('language = "en"\n[erp]\nprofile = "wrong.toml"\n')
    (folder / "wrong.toml").write_text('name = "x"\n')
    ended = malote(folder, *command)
    assert ended.returncode == 3
    assert "erp_profile_invalid" in ended.stderr
    assert "wrong.toml" in ended.stderr
    assert "Traceback" not in ended.stderr
