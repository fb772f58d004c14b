"""The demo as a person runs it: sells until Ctrl-C, stops all, and goes on where it was."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.processes

# Left for a newcomer to mend; the half file that is planted besides is settled by the whole one, once that is booked.
PLANTED = {"erp_constraint"}
_IN_ERP = re.compile(r"In the ERP: (\d+) sales")


def arguments(home: Path, *options: str) -> list[str]:
    common = ["--home", str(home), "--rate", "3000", "--sqlite", "--language", "en"]
    return [sys.executable, "-m", "malote", "demo", *common, *options]


def reasons(home: Path) -> set[str]:
    """Why documents were rejected, by the files beside them."""
    return {json.loads(path.read_bytes())["code"] for path in home.glob("rejeitados/*/*.json")}


def in_erp(output: str) -> int:
    return int(_IN_ERP.findall(output)[-1])


@pytest.mark.skipif(os.name == "nt", reason="sends a Ctrl-C by signal")
def test_it_sells_until_ctrl_c_and_continues(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with output.open("wb") as file:
        demo = subprocess.Popen(arguments(tmp_path / "loja"), stdout=file, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 300
        while not (re.search(r"In the ERP: [1-9]", output.read_text()) and reasons(tmp_path / "loja") == PLANTED):
            assert time.monotonic() < deadline, output.read_text()
            assert demo.poll() is None, output.read_text()
            time.sleep(0.1)
        children = psutil.Process(demo.pid).children(recursive=True)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(300) == 0, output.read_text()
    finally:
        demo.kill()
        demo.wait()
    assert len(children) == 5, children
    assert not any(child.is_running() for child in children)
    said = output.read_text()
    assert "Drop your XML files here:" in said
    assert re.search(r"Console: http://127.0.0.1:\d+/console · user demo, password \S{12,}", said)
    assert reasons(tmp_path / "loja") == PLANTED
    assert said.rstrip().endswith("All stopped. Run it again to continue.")

    again = subprocess.run(
        arguments(tmp_path / "loja", "--minutes", "0.02"), capture_output=True, text=True, check=True
    )
    assert in_erp(again.stdout) >= in_erp(said)
