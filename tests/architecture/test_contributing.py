"""CONTRIBUTING.md sends nobody to a place that isn't there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "CONTRIBUTING.md").read_text("utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| what | ")
]


def _missing(cell: str) -> list[str]:
    named = re.findall(r"`([\w.-]*[/.][\w./-]*)`", cell)
    roots = (ROOT / "src" / "malote", ROOT)
    return [path for path in named if not any((root / path).exists() for root in roots)]


def test_the_places_to_change_are_there() -> None:
    assert len(ROWS) >= 20
    for row in ROWS:
        what, where, test = row
        assert re.search(r"`[\w./-]+`", where), what
        assert _missing(where) == [], what
        assert _missing(test) == [], what


def test_one_that_is_not_would_be_noticed() -> None:
    assert _missing("`spool/states.py`, `spool/nowhere.py`") == ["spool/nowhere.py"]


def test_the_version_of_the_notes_is_that_of_the_package() -> None:
    heading = next(line for line in (ROOT / "CHANGELOG.md").read_text("utf-8").splitlines() if line.startswith("## "))
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.M)
    assert version
    assert re.fullmatch(rf"## {re.escape(version[1])} \((unreleased|\d{{4}}-\d{{2}}-\d{{2}})\)", heading)
