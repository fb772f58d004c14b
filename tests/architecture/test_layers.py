"""The layers of docs/architecture.md, kept by import-linter."""

import re
import subprocess
import sys
from collections.abc import Mapping, Set
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from runpy import run_path

import grimp
import pytest

ROOT = Path(__file__).parents[2]


def test_the_import_contracts_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout


def test_the_picture_is_the_contract() -> None:
    drawing = run_path(str(ROOT / "docs" / "draw_layers.py"))
    drawn = (ROOT / "docs" / "layers.svg").read_text("utf-8")
    assert drawn == drawing["picture"](drawing["layers"]()), "python docs/draw_layers.py"
    assert re.findall(r"<text [^>]*>(\w+)</text>", drawn)[:2] == ["cli", "terminal"]
    assert "(layers.svg)" in (ROOT / "docs" / "architecture.md").read_text("utf-8")


def test_every_room_stands_in_the_picture() -> None:
    drawn = set(re.findall(r"<text [^>]*>(\w+)</text>", (ROOT / "docs" / "layers.svg").read_text("utf-8")))
    package = ROOT / "src" / "malote"
    rooms = {path.name for path in package.iterdir() if (path / "__init__.py").exists()} - {"reasons"}  # texts alone
    files = {path.stem for path in package.glob("*.py")} - {"__init__", "__main__"}
    assert drawn == rooms | files


def _in_order(imports: Mapping[str, Set[str]]) -> list[str]:
    """Raises ``CycleError``, which names the modules of the circle."""
    return list(TopologicalSorter(imports).static_order())


def test_no_import_goes_in_a_circle_within_a_room_neither() -> None:
    graph = grimp.build_graph("malote", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(imports) > 500
    assert len(_in_order(imports)) == len(imports)


def test_a_circle_would_be_noticed() -> None:
    with pytest.raises(CycleError, match="cycle"):
        _in_order({"a": {"b"}, "b": {"c"}, "c": {"a"}})
