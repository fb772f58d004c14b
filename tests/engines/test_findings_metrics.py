"""The figures for Prometheus, on both kinds of store database."""

import shutil
import subprocess

import pytest
from sqlalchemy import Engine, text

from malote.database.engine import writing
from malote.findings import metrics
from malote.findings.kinds import Finding
from malote.findings.metrics import METRICS
from tests.engines.findings_support import NOW, add_documents, add_till

pytest_plugins = ("tests.engines.spool_fixtures",)


def test_the_figures_are_those_of_the_lights(spool_engine: Engine) -> None:
    till_id = add_till(spool_engine, "caixa1", {("rejected", "items_sum"): 2, ("posted", ""): 5}, uncaptured=4)
    add_till(spool_engine, "caixa2", pending=3, unsent_since=NOW - 10)
    add_documents(spool_engine, till_id, [{"state": "rejected", "accepted_at": NOW - 70, "reason_code": "items_sum"}])
    with writing(spool_engine) as connection:
        connection.execute(text("UPDATE tally SET total = 6418 WHERE state = 'rejected'"))
    said = metrics.text(spool_engine, NOW)
    for line in (
        'malote_tills{light="attention"} 1',
        'malote_tills{light="ok"} 1',
        'malote_documents{state="rejected"} 2',
        'malote_documents{state="posted"} 5',
        'malote_findings{code="items_sum",light="attention"} 1',
        'malote_finding_documents{code="items_sum"} 2',
        'malote_finding_value_cents{code="items_sum"} 6418',
        f'malote_finding_oldest_timestamp_seconds{{code="items_sum"}} {NOW - 70!r}',
        "malote_unsent_files 3",
        "malote_uncaptured_files 4",
        f"malote_oldest_unsent_timestamp_seconds {NOW - 10!r}",
        f"malote_oldest_unbooked_timestamp_seconds {NOW - 70!r}",
    ):
        assert line in said.splitlines(), line
    assert {one.name for one in metrics.samples(spool_engine, NOW)} == set(METRICS)
    assert "caixa" not in said, "no till is named"
    _is_taken(said)


def test_what_a_till_says_of_itself_reaches_no_terminal_by_way_of_the_figures() -> None:
    codes = ("\x1b[2Jdisk\x07full", "disk\ufffdfull")
    told = [Finding("troubled", code, "caixa1", "attention", 1, count=2) for code in codes]
    counted = {one.name: (one.labels["code"], one.value) for one in metrics.of_findings(told)}
    # One line of both, since Prometheus takes none that comes twice.
    expected = {"malote_findings": ("disk\ufffdfull", 2), "malote_finding_documents": ("disk\ufffdfull", 4)}
    assert counted == counted | expected


def _is_taken(said: str) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian's package prometheus): the format was not checked by it")
    checked = subprocess.run([promtool, "check", "metrics"], input=said, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_an_empty_store_has_figures_too(spool_engine: Engine) -> None:
    said = metrics.text(spool_engine, NOW)
    assert 'malote_tills{light="ok"} 0' in said.splitlines()
    assert "malote_oldest_unbooked_timestamp_seconds " not in "\n".join(
        line for line in said.splitlines() if not line.startswith("#")
    )
