"""``malote books``, and what ``status`` and ``sync`` say while the ERP lacks something."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from malote.accounts import audit
from malote.app import Services, services_for
from malote.app_workers import build_poster
from malote.cli.main import assemble
from malote.config import BooksSettings, Settings, SettingsError, load
from malote.register import contents, till_documents
from malote.tills.till import create_till
from tests.faces.console_support import sell
from tests.faces.intake_support import file

Run = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "servidor"


@pytest.fixture
def services(home: Path) -> Iterator[Services]:
    """Three sales are booked, the ERP is copied, four more are booked, and the copy takes its place."""
    with services_for(Settings(home=str(home), language="en")) as opened:
        till, _ = create_till(opened.engine, "caixa1")
        sell(opened, till, 1, 3)
        post(opened)
        erp = home / "erp.sqlite3"
        shutil.copy(erp, home / "copy.sqlite3")
        sell(opened, till, 4, 4)
        post(opened)
        for left in home.glob("erp.sqlite3*"):
            left.unlink()
        shutil.copy(home / "copy.sqlite3", erp)
        yield opened


@pytest.fixture
def run(home: Path, services: Services) -> Run:
    def invoke(*arguments: object, code: int = 0, language: str = "en") -> Result:
        environment = {"MALOTE_HOME": str(home), "MALOTE_LANGUAGE": language, "COLUMNS": "220"}
        result = CliRunner().invoke(assemble(), [str(one) for one in arguments], env=environment)
        assert result.exit_code == code, result.output
        return result

    return invoke


def post(services: Services) -> None:
    with closing(build_poster(services.settings, services)) as poster:
        poster.drain()


def lost(services: Services) -> list[str]:
    return [one.access_key or "" for one in till_documents.documents_of(services.engine)][3:]


def answer(result: Result) -> Any:
    return json.loads(result.stdout)


def test_reconcile_names_each_missing_sale_and_ends_with_one(services: Services, run: Run) -> None:
    day = till_documents.documents_of(services.engine)[0].issued_at
    assert day is not None
    said = run("books", "reconcile", "--day", day[:10], code=1).stdout
    for key in lost(services):
        assert key in said
    assert "not in the ERP" in said
    report = answer(run("books", "reconcile", "--day", day[:10], "--till", "caixa1", "--json", code=1))
    [till_day] = report["days"]
    assert (till_day["server"]["count"], till_day["erp"]["count"]) == (7, 3)
    assert [one["access_key"] for one in report["differences"]] == lost(services)
    assert run("books", "reconcile", "--day", "2001-01-01", language="pt").stdout.strip().endswith("Nenhuma diferença.")
    run("books", "reconcile", "--day", "yesterday", code=2)
    run("books", "reconcile", "--till", "caixa9", code=3)


def test_an_erp_swapped_while_nobody_posted_is_never_green(services: Services, run: Run) -> None:
    with closing(build_poster(services.settings, services)) as poster:
        said = run("status", code=1).stdout  # the server answers from here on
        assert "checking" in said
        assert "up to date" not in said
        [till] = answer(run("status", "--json", code=1))["tills"]
        assert [one["code"] for one in till["findings"]] == ["erp_unchecked"]
        poster.drain()  # nothing is due, and the ERP is looked at all the same
    assert "not in ERP" in run("status", code=1).stdout


def test_sync_says_what_is_missing_and_status_is_not_up_to_date(services: Services, run: Run) -> None:
    [progress] = answer(run("sync", "caixa1", "--wait", "--timeout", 0, "--json", code=1))
    assert progress["outside_erp"] == 4
    said = run("sync", "caixa1", "--wait", "--timeout", 0, code=1).stdout
    assert "4 × Booked, and no longer in the ERP" in said
    [status] = answer(run("status", "--json", code=1))["tills"]
    assert status["outside"] == 4
    assert status["outside_total"] == sum(one.total or 0 for one in till_documents.documents_of(services.engine)[3:])
    table = run("status", code=1).stdout
    assert "not in ERP" in table
    assert "up to date" not in table


def test_rebook_asks_first_changes_nothing_dry_and_books_exactly_the_missing(services: Services, run: Run) -> None:
    dry = run("books", "rebook", "--dry-run").stdout
    assert "4 to book again" in dry
    assert all(key in dry for key in lost(services))
    assert till_documents.status(services.engine, now=services.spool.clock())[0].posted == 7
    run("books", "rebook", code=2)  # nobody is there to say yes
    assert till_documents.status(services.engine, now=services.spool.clock())[0].posted == 7
    told = answer(run("books", "rebook", "--yes", "--reason", "restored", "--json"))
    assert told["ordered"] == 4
    assert till_documents.status(services.engine, now=services.spool.clock())[0].pending == 4
    assert "up to date" not in run("status", code=1).stdout
    post(services)
    run("books", "reconcile")
    assert till_documents.status(services.engine, now=services.spool.clock())[0].posted == 7
    assert till_documents.status(services.engine, now=services.spool.clock())[0].outside == 0
    assert "0 to book again" in run("books", "rebook", "--yes").stdout
    assert "up to date" in run("status").stdout
    assert "no number" in run("numbering").stdout.lower() or "missing" not in run("numbering").stdout


def test_a_file_that_comes_again_meanwhile_is_known_and_changes_nothing(services: Services, run: Run) -> None:
    content = contents.content(services.engine, till_documents.documents_of(services.engine)[4].id)
    services.intake.take_files(services.tills()[0], [file(content)])
    assert till_documents.status(services.engine, now=services.spool.clock())[0].posted == 7
    run("books", "rebook", "--yes", "--till", "caixa1")
    post(services)
    run("books", "reconcile")


def test_what_is_missing_on_purpose_is_accepted_with_a_reason(services: Services, run: Run) -> None:
    run("sync", "caixa1", "--wait", "--timeout", 0, code=1)
    run("erp", "accept-ledger", "--reason", "a test database")
    assert audit.entries(services.engine, limit=1)[0].action == "erp_ledger_accepted"
    run("books", "reconcile")
    assert "up to date" in run("status").stdout
    assert "4: accepted" in run("books", "rebook", "--dry-run").stdout
    assert "4 to book again" in run("books", "rebook", "--accepted", "--dry-run").stdout
    run("erp", "accept-ledger", "--reason", "again", code=1)


@pytest.mark.parametrize("wrong", ['day_begins = "25:00"', 'zone = "America/Nowhere"', 'zone = "../etc"'])
def test_a_day_that_no_clock_has_is_refused_at_the_start(tmp_path: Path, wrong: str) -> None:
    settings = tmp_path / "malote.toml"
    settings.write_text(f"[books]\n{wrong}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="books"):
        load(settings)
    settings.write_text('[books]\nzone = "America/Sao_Paulo"\nday_begins = "04:00"\n', encoding="utf-8")
    assert load(settings).books == BooksSettings(zone="America/Sao_Paulo", day_begins="04:00")
