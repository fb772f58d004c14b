"""The layers of docs/architecture.md, kept by import-linter."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_import_contracts_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout


def test_the_picture_is_the_contract() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    layers = next(one["layers"] for one in settings["tool"]["importlinter"]["contracts"] if one["type"] == "layers")
    drawn = re.search(
        r"^## Layers$.*?^```$(.*?)^```$", (ROOT / "docs" / "architecture.md").read_text("utf-8"), re.M | re.S
    )
    assert drawn
    assert drawn[1].split("\n")[1:-1] == [f"  {layer.replace('malote.', '')}" for layer in layers]
