"""The rehearsal: a server that sells, its backup, its loss, and what came between."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from malote.app import services_for
from malote.config import Settings
from malote.register import till_documents
from tests.command_line import malote
from tests.faces.test_till_real_server import Till, billing_server, server_home, till
from tests.unit.fiscal.notes import build_note
from tests.unit.till_support import put

__all__ = ["server_home", "till"]
pytestmark = pytest.mark.processes


def sell(till: Till, numbers: range) -> None:
    for number in numbers:
        put(till.home / "pos", f"{number}.xml", build_note(number=number))
    ended = till.call("run", "--once", "--timeout", "120")
    assert ended.returncode == 0, ended.stderr


def test_a_lost_server_is_put_back_and_every_sale_is_booked_once(server_home: Path, till: Till, tmp_path: Path) -> None:
    with billing_server(server_home) as till.address:
        sell(till, range(1, 6))
        made = malote(server_home, "backup", str(tmp_path / "b.zip"), "--json")
        assert made.returncode == 0, made.stderr
        assert json.loads(made.stdout)["files"] >= 2
        assert malote(server_home, "backup", str(tmp_path / "nightly")).returncode == 0
        assert len(list((tmp_path / "nightly").glob("malote-*.zip"))) == 1
        sell(till, range(6, 11))  # booked and proven, and not in the backup
    for path in server_home.iterdir():
        if not path.name.startswith("erp.sqlite3"):  # the ERP is another machine's
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert malote(server_home, "restore", str(tmp_path / "b.zip"), "--dry-run").returncode == 0
    assert malote(server_home, "restore", str(tmp_path / "b.zip")).returncode == 0
    with billing_server(server_home) as till.address:
        sell(till, range(11, 13))  # the token is the same
        sell(till, range(0))  # it was asked for what this server never heard of
        assert till.status()["posted"] == 12
    with services_for(Settings(home=str(server_home))) as services:
        (one,) = till_documents.status(services.engine, now=services.spool.clock())
        assert (one.posted, one.rejected) == (12, 0)
    with closing(sqlite3.connect(server_home / "erp.sqlite3")) as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT access_key) FROM sale").fetchone() == (12, 12)
