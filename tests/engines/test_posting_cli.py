"""``malote post`` and ``malote erp create`` as a person meets them."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from malote.erp.factory import open_erp
from tests.command_line import malote
from tests.engines.posting_support import open_shop, until
from tests.engines.sales import sale, supermarket


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "malote.toml").write_text('language = "en"\n[posting]\nidle_seconds = 0.05\n', encoding="utf-8")
    return tmp_path


def booked(folder: Path) -> int:
    erp = open_erp(f"sqlite:///{folder / 'erp.sqlite3'}", lock_timeout_seconds=5)
    try:
        return len(list(erp.booked()))
    finally:
        erp.close()


def test_once_posts_what_is_due_and_ends(folder: Path) -> None:
    with open_shop(folder, f"sqlite:///{folder / 'erp.sqlite3'}", time.time) as shop:
        shop.accept(*supermarket(30))
        ended = malote(folder, "post", "--once")
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout == "Documents handled: 30\n"
        assert shop.counted() == {"posted": 30}
    assert booked(folder) == 30


def test_it_goes_on_until_it_is_told_to_stop(folder: Path) -> None:
    with open_shop(folder, f"sqlite:///{folder / 'erp.sqlite3'}", time.time) as shop:
        shop.accept(sale(1))
        process = subprocess.Popen(
            [sys.executable, "-m", "malote", "post"], cwd=folder, stderr=subprocess.PIPE, text=True
        )
        try:
            until(lambda: shop.counted() == {"posted": 1})
            shop.accept(sale(2))
            until(lambda: shop.counted() == {"posted": 2})
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=300)
        finally:
            process.kill()
    assert process.returncode == 0
    assert said.endswith("Stopped.\n")
    events = [json.loads(line)["event"] for line in said.splitlines()[:-1]]
    assert set(events) == {"settled"}


def test_an_erp_that_is_away_is_said_with_its_remedy(folder: Path) -> None:
    with (folder / "malote.toml").open("a") as settings:
        settings.write('[erp]\nurl = "postgresql://nobody@127.0.0.1:1/none"\n')
    with open_shop(folder, "", time.time) as shop:
        shop.accept(sale(1))
        ended = malote(folder, "post", "--once")
        assert ended.returncode == 3
        assert "erp_away" in ended.stderr
        assert shop.counted() == {"waiting": 1}


@pytest.mark.parametrize("command", [("post", "--once"), ("erp", "create")])
def test_an_impossible_address_is_said(folder: Path, command: tuple[str, ...]) -> None:
    with (folder / "malote.toml").open("a") as settings:
        settings.write('[erp]\nurl = "db2://u:secret@h/d"\n')
    ended = malote(folder, *command)
    assert ended.returncode == 2
    assert "erp_address_invalid" in ended.stderr
    assert "secret" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_erps_tables_are_created_as_often_as_one_likes(folder: Path) -> None:
    for _ in range(2):
        ended = malote(folder, "erp", "create")
        assert (ended.returncode, ended.stdout) == (0, "Malote's tables are in the ERP.\n")
    assert booked(folder) == 0
