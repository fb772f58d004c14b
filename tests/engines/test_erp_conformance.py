"""The package's own conformance suite, on a real database of each engine and with each profile that ships."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from malote.erp.conformance.assertions import CheckFailedError, NotApplicableError, expect, same
from malote.erp.conformance.check import Check
from malote.erp.conformance.scratch import SCHEMA_PREFIX, Scratch, scratch_at
from malote.erp.conformance.suite import CHECKS, run, verify
from malote.erp.factory import open_erp
from malote.erp.profiles.profile import BUILT_IN, load, shipped
from malote.erp.protocol import Erp, ErpError
from malote.erp.tables import posting_key
from malote.erp.tables import sale as booked
from tests.engines.erp_support import Tables, post
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.sales import contingency, sale, supermarket

pytest_plugins = ["tests.engines.erp_fixtures"]

PLACES = [
    pytest.param((engine, profile), id=f"{engine}-{profile}", marks=[pytest.mark.postgresql] * (engine == "postgresql"))
    for engine in ("sqlite", "postgresql")
    for profile in (BUILT_IN, *shipped())
]


@pytest.fixture(scope="module", params=PLACES)
def scratch(request: pytest.FixtureRequest) -> Iterator[Scratch]:
    engine, profile = request.param
    url = fresh_postgresql_url() if engine == "postgresql" else "sqlite://"
    made = scratch_at(url, load(profile))
    yield made
    made.remove()
    if engine == "postgresql":
        discard_postgresql(url)


@pytest.mark.parametrize("check", CHECKS, ids=[check.code for check in CHECKS])
def test_conformance(check: Check, scratch: Scratch) -> None:
    try:
        run(check, scratch)
    except NotApplicableError:
        # Only for what an engine has no sessions for; a profile that ships leaves nothing out that is checked.
        assert (scratch.engine, check.code) in {("sqlite", "blocker"), ("sqlite", "deadlock")}


def test_every_check_has_a_code_of_its_own_and_words() -> None:
    assert len({check.code for check in CHECKS}) == len(CHECKS) > 40
    for check in CHECKS:
        assert check.title("pt") != check.title("en")
    assert {"batch", "again", "protocol", "divergent", "cancelled", "stock", "rollback", "locked", "deadlock"} <= {
        check.code for check in CHECKS
    }


# ---- verifying ----


@pytest.mark.postgresql
def test_a_verification_leaves_nothing_whatever_happens() -> None:
    url = fresh_postgresql_url()
    try:
        scratch = scratch_at(url, load(BUILT_IN))
        broken = Check("broken", "quebrado", "broken", lambda scene: scene.change("SELECT 1/0"))
        wrong = Check("wrong", "errado", "wrong", lambda scene: same(1, 2, "one"))
        findings = list(verify(scratch, "en", checks=(CHECKS[0], broken, wrong)))
        assert [one.verdict for one in findings] == ["passed", "failed", "failed"]
        assert "DivisionByZero" in findings[1].detail
        assert findings[2].detail == "one: expected 2, found 1"
        assert _schemas(url) == []
        stopped = verify(scratch, "en", checks=(CHECKS[0], wrong))
        next(stopped)
        assert len(_schemas(url)) == 1
        stopped.close()  # as Ctrl-C does
        assert _schemas(url) == []
    finally:
        discard_postgresql(url)


def _schemas(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute(f"SELECT nspname FROM pg_namespace WHERE nspname LIKE '{SCHEMA_PREFIX}%'".encode())
        return [row[0] for row in found]


@pytest.mark.postgresql
def test_a_user_who_may_not_create_a_schema_is_told_so() -> None:
    url = fresh_postgresql_url()
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP ROLE IF EXISTS visitor")
            connection.execute("CREATE ROLE visitor LOGIN")
        visitor = make_url(url).set(username="visitor").render_as_string(hide_password=False)
        with pytest.raises(ErpError) as refused:
            list(verify(scratch_at(visitor, load(BUILT_IN)), "en"))
        assert refused.value.code == "erp_privilege"
        assert refused.value.detail.startswith("CREATE SCHEMA malote_verify_")
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP ROLE visitor")
        discard_postgresql(url)


def test_a_verification_of_sqlite_does_not_touch_the_file(tmp_path: Path) -> None:
    file = tmp_path / "erp.sqlite3"
    scratch = scratch_at(f"sqlite:///{file}", load(BUILT_IN))
    assert [one.verdict for one in verify(scratch, "pt", checks=CHECKS[:2])] == ["passed"] * 2
    assert not file.exists()
    with pytest.raises(sqlite3.OperationalError):
        sqlite3.connect(f"file:{scratch.url.removeprefix('sqlite:///')}?mode=rw", uri=True)


def test_expectations_speak() -> None:
    with pytest.raises(CheckFailedError, match=r"^so it is$"):
        expect(False, "so it is")
    with pytest.raises(CheckFailedError, match=r"^n: expected x+…, found 1$"):
        same(1, "x" * 400, "n")


# ---- what only the tests look at ----


def test_booked_sales_come_in_steps(erp: Erp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("malote.erp.connecting.STEP", 7)
    batch = [*supermarket(30), contingency(40)]
    post(erp, *batch)
    found = list(erp.booked())
    assert [one.access_key for one in found] == sorted(one.access_key for one in batch)
    assert all(before.access_key < after.access_key for before, after in pairwise(found))


def test_more_keys_than_one_statement_takes(erp: Erp) -> None:
    batch = supermarket(1100, items=1, payments=1)
    post(erp, *batch)
    again = post(erp, *batch, first_id=5000)
    assert {str(result) for result in again} == {"duplicate"}
    assert len(erp.ledger([one.access_key for one in batch])) == 1100


def test_the_database_stamps_by_its_own_clock(erp: Erp, tables: Tables) -> None:
    post(erp, sale(1))
    for column in (booked.c.posted_at, posting_key.c.posted_at):
        stamped = tables.ask(column.table.select().with_only_columns(column))[0][0]
        assert isinstance(stamped, datetime)
        assert stamped.tzinfo is not None
        assert abs((datetime.now(UTC) - stamped).total_seconds()) < 3600


@pytest.mark.parametrize(
    "url",
    [
        "firebird://u:secret@h/d",
        "nonsense",
        "",
        "postgresql://u:secret/1@h:x/d",
        "postgresql://u@h:secret/d",
        "oracle+cx_oracle://u:secret@h/d",
    ],
)
def test_an_address_that_no_engine_understands_is_said(url: str) -> None:
    with pytest.raises(ErpError) as refused:
        open_erp(url, lock_timeout_seconds=1)
    assert refused.value.code == "erp_address_invalid"
    assert "secret" not in str(refused.value)
    assert "secret" not in repr(refused.value.__cause__)
