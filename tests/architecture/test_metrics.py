"""Metrics are what docs/metrics.md says; dashboard and alert rules ask for nothing else."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from malote.findings.metrics import METRICS

ROOT = Path(__file__).parents[2]
RULES = ROOT / "packaging" / "prometheus" / "malote.rules.yml"
DASHBOARD = ROOT / "packaging" / "grafana" / "malote.json"
NAME = re.compile(r"\bmalote_[a-z_]+")


def test_every_metric_is_described_and_nothing_else() -> None:
    described = dict(
        re.findall(r"^\| `(malote_\w+)` \| .* \| (.*) \|$", (ROOT / "docs" / "metrics.md").read_text("utf-8"), re.M)
    )
    assert described == METRICS


def test_each_panel_of_the_dashboard_asks_for_metrics_that_are_there() -> None:
    dashboard = json.loads(DASHBOARD.read_text("utf-8"))
    assert dashboard["uid"] == "malote"
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(asked) >= len(dashboard["panels"])
    for expression in asked:
        names = set(NAME.findall(expression))
        assert names, expression
        assert names <= set(METRICS), expression
    assert {name for expression in asked for name in NAME.findall(expression)} == set(METRICS), "each is shown"


def test_the_rules_ask_for_metrics_that_are_there() -> None:
    expressions = re.findall(r"^\s+expr: (.*)$", RULES.read_text("utf-8"), re.M)
    assert len(expressions) > 5
    for expression in expressions:
        assert set(NAME.findall(expression)) <= set(METRICS), expression
        assert NAME.search(expression), expression


def test_prometheus_itself_takes_the_rules() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian's package prometheus): the rules were not checked by it")
    checked = subprocess.run([promtool, "check", "rules", str(RULES)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "7 rules found" in checked.stdout
