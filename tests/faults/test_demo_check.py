"""The demo's own proof, over real processes that are killed on the way."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes


def check(folder: Path, *options: str) -> dict[str, object]:
    arguments = [sys.executable, "-m", "malote", "demo", "--check", "--json", *options]
    environment = {**os.environ, "TMPDIR": str(folder), "TEMP": str(folder)}
    ended = subprocess.run(arguments, capture_output=True, text=True, check=False, env=environment)
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    proof: dict[str, object] = json.loads(ended.stdout)
    return proof


def test_nothing_is_lost_or_doubled_over_three_kills() -> None:
    # Not pytest's own folder: as root, that is closed to PostgreSQL's user whenever another pytest starts.
    with tempfile.TemporaryDirectory(prefix="malote-check-") as folder:
        proof = check(Path(folder), "--sales", "300", "--kill")
        assert list(Path(folder).iterdir()) == [], "a proof that holds leaves nothing behind"
    assert proof["holds"] is True
    assert proof["killed"] == ["server", "poster", "caixa2"]
    assert proof["differences"] == []
    figures = {figure["what"]: figure for figure in proof["figures"]}  # type: ignore[attr-defined]
    assert figures["sales"]["pos"] == figures["sales"]["erp"] > 300, "the planted ones come on top"
    assert figures["sum"]["pos"] == figures["sum"]["till"] == figures["sum"]["server"] == figures["sum"]["erp"]
    assert len({fault["fault"] for fault in proof["faults"]}) == 10  # type: ignore[attr-defined]


def test_the_same_on_a_sqlite_erp_in_a_folder_that_is_kept(tmp_path: Path) -> None:
    proof = check(tmp_path, "--sales", "20", "--sqlite", "--home", str(tmp_path / "loja"))
    assert (proof["holds"], proof["erp"], proof["killed"]) == (True, "sqlite", [])
    assert (tmp_path / "loja" / "erp.sqlite3").is_file()
    assert list((tmp_path / "loja" / "rejeitados").glob("*/*.json"))
