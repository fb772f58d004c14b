"""``malote structures`` and ``malote till trust`` as people and scripts call them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from malote import wire
from malote.accounts.audit import Actor
from malote.app import services_for
from malote.cli.main import assemble
from malote.config import Settings
from malote.schema.definition import FORMAT
from malote.structures.last_year import make_erp
from malote.till.outbox import Outbox
from malote.tills.till import create_till
from tests.engines.structures_support import run_sql
from tests.faces.intake_support import Speaker, fault_of, serving, settings_in, store_with_till

Run = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "servidor"


@pytest.fixture
def run(home: Path) -> Run:
    def invoke(*arguments: str, language: str = "en", answer: str | None = None) -> Result:
        environment = {"MALOTE_HOME": str(home), "MALOTE_LANGUAGE": language, "COLUMNS": "160"}
        return CliRunner().invoke(assemble(), arguments, env=environment, input=answer)

    return invoke


@pytest.fixture
def erp(home: Path) -> str:
    """Last year's ERP, in the home folder."""
    home.mkdir()
    url = f"sqlite:///{home / 'erp.sqlite3'}"
    make_erp(url)
    return url


def found(result: Result, status: int = 0) -> Any:
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


def test_drift_plan_apply(run: Run, erp: str) -> None:
    shown = run("structures", "drift", language="pt")
    assert shown.exit_code == 1
    assert "sale_item.cbs_rate (column)" in shown.stdout
    assert "falta" in shown.stdout
    drift = found(run("structures", "drift", "erp", "--json"), 1)["databases"]
    assert [(one["scope"], len(one["differences"])) for one in drift] == [("erp", 23)]
    (plan,) = found(run("structures", "plan", "erp", "--json"), 1)
    assert len(plan["steps"]) == 23
    assert found(run("structures", "apply", "erp", "--dry-run", "--json"))["steps"][0]["state"] == "pending"
    refused = run("structures", "apply", "erp", answer="n\n")
    assert refused.exit_code == 3
    assert "ALTER TABLE" in refused.stdout
    assert found(run("structures", "drift", "erp", "--json"), 1)["databases"] == [
        {**drift[0], "looked_at": pytest.approx(drift[0]["looked_at"], abs=60)}
    ]
    report = found(run("structures", "apply", "erp", "--yes", "--json"))
    assert (report["state"], len(report["steps"])) == ("done", 23)
    assert run("structures", "drift").exit_code == 0
    assert "nothing to do" in run("structures", "plan").stdout
    again = run("structures", "apply", "erp", "-y")
    assert again.exit_code == 0
    assert "0/0 statements run" in again.stdout


def test_what_is_refused_is_explained(run: Run, erp: str) -> None:
    run_sql(erp, "ALTER TABLE sale ADD COLUMN ibs TEXT")
    result = run("structures", "apply", "erp", "--yes")
    assert result.exit_code == 1
    assert "[column_type_differs]" in result.stdout
    assert "sale.ibs" in result.stdout


def test_wrong_words(run: Run, home: Path) -> None:
    assert run("structures", "drift", "caixa").exit_code == 2
    refused = run("structures", "plan", "till")
    assert refused.exit_code == 3
    assert "[structure_scope_of_tills]" in refused.stderr
    assert run("structures", "rollout", "start").exit_code == 2
    assert run("structures", "rollout", "start", "--all", "--tills", "a").exit_code == 2


def test_a_database_that_is_away(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALOTE_ERP_URL", "postgresql://nobody@127.0.0.1:1/none")
    result = run("structures", "drift", "erp")
    assert result.exit_code == 3
    assert "[erp_away]" in result.stderr


def test_a_roll_out_from_start_to_cancel(run: Run, home: Path) -> None:
    with services_for(Settings(home=str(home))):
        pass
    assert found(run("structures", "rollout", "status", "--json")) is None
    assert "[rollout_no_tills]" in run("structures", "rollout", "start", "--all").stderr
    with services_for(Settings(home=str(home))) as services:
        for name in ("caixa1", "caixa2", "caixa3"):
            create_till(services.engine, name)
    assert found(run("structures", "rollout", "start", "--all", "--dry-run", "--json"))["id"] == 0
    assert "[till_unknown]" in run("structures", "rollout", "start", "--tills", "caixa9").stderr
    begun = found(run("structures", "rollout", "start", "--tills", "caixa1, caixa3", "--json"))
    assert (begun["counts"], begun["everyone"]) == ({"pending": 2}, False)
    told = found(run("structures", "rollout", "status", "--json"))
    assert [one["till"] for one in told["tills"]] == ["caixa1", "caixa3"]
    assert "caixa3" in run("structures", "rollout", "status").stdout
    assert found(run("structures", "rollout", "cancel", "--reason", "Natal", "--json"))["state"] == "cancelled"
    assert "[rollout_over]" in run("structures", "rollout", "cancel").stderr
    assert found(run("structures", "rollout", "resume", "--json"))["state"] == "running"
    assert "[rollout_unknown]" in run("structures", "rollout", "status", "77").stderr


def test_a_till_forgets_a_key(run: Run, home: Path) -> None:
    home.mkdir()
    with Outbox(home / "outbox.sqlite3") as outbox:
        outbox.note("server_key", "ab")
    assert run("till", "trust").exit_code == 0
    with Outbox(home / "outbox.sqlite3") as outbox:
        assert outbox.noted("server_key") == '""'


# ---- at the wire ----


def contact(**structure: Any) -> wire.Contact:
    said = wire.TillStructure(**{"format": FORMAT, "version": 1, "sha256": "", **structure})
    return wire.Contact("9", datetime.now(UTC), 0, 0, structure=said)


def test_an_order_comes_with_a_contact(home: Path) -> None:
    with (
        store_with_till(settings_in(home)) as (services, till, token),
        serving(services) as address,
        Speaker(address, token) as speaker,
    ):
        first = msgspec.json.decode(speaker.post(wire.PATH_CONTACT, contact()).content, type=wire.ContactReply)
        assert first.structure is None
        assert len(first.server_key) == 64
        services.structures.roll_out([till.name], Actor("maria"))
        second = msgspec.json.decode(speaker.post(wire.PATH_CONTACT, contact()).content, type=wire.ContactReply)
        assert second.structure is not None
        assert second.server_key == first.server_key
        for odd in ({"version": -1}, {"version": 2**31}, {"sha256": "zz"}, {"sha256": "a" * 65}):
            fault_of(speaker.post(wire.PATH_CONTACT, contact(**odd)), 400, "request_invalid")
