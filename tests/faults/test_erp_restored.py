"""An ERP put back to before, under a real server with a real agent: found, said, booked again once, and never a green
light in between."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

from tests.command_line import MALOTE, Ended, malote
from tests.engines.posting_support import OwnServer, own_server
from tests.unit.fiscal.notes import build_note

pytestmark = pytest.mark.processes

PATIENCE = 600.0


class House:
    """A billing server, a till with its agent, and the POS's folder."""

    def __init__(self, folder: Path, erp_url: str = "") -> None:
        self.home, self.till, self.pos = folder / "server", folder / "till", folder / "pos"
        for each in (self.home, self.till, self.pos):
            each.mkdir(parents=True, exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.erp_url = erp_url or f"sqlite:///{self.home / 'erp.sqlite3'}"
        lines = ['language = "en"', "[server]", f"port = {port}", "[erp]", f'url = "{self.erp_url}"']
        (self.home / "malote.toml").write_text("\n".join(lines), encoding="utf-8")
        token = json.loads(self.run("till", "create", "caixa1", "--json").stdout)["token"]
        lines = ['language = "en"', "[till]", f'server = "http://127.0.0.1:{port}"', 'folder = "../pos"']
        lines += [f'token = "{token}"', "quiet_seconds = 0.05", "poll_seconds = 0.2", "rescan_seconds = 0.5"]
        (self.till / "malote.toml").write_text("\n".join(lines), encoding="utf-8")

    def run(self, *words: str, home: Path | None = None) -> Ended:
        return malote(home or self.home, *words, columns=200)

    @contextmanager
    def working(self, *, agent: bool = True) -> Iterator["subprocess.Popen[bytes]"]:
        """Server and agent; both are killed without a word at the end."""
        commands = [("serve", self.home), *([("till run", self.till)] if agent else [])]
        with (self.home.parent / "log.txt").open("ab") as log:
            processes = [
                subprocess.Popen([*MALOTE, *words.split()], cwd=home, stdout=log, stderr=log)
                for words, home in commands
            ]
            try:
                yield processes[0]
            finally:
                for process in processes:
                    process.kill()
                    process.wait()

    def sell(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            part = self.pos / f"{number}.part"
            part.write_bytes(build_note(number=number))
            part.rename(self.pos / f"{number}.xml")

    def status(self) -> dict[str, Any]:
        [status] = json.loads(self.run("status", "--json").stdout)["tills"]
        return dict(status)

    def green(self) -> bool:
        return "up to date" in self.run("status").stdout

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, (self.home.parent / "log.txt").read_text(encoding="utf-8")[-3000:]
            time.sleep(0.3)

    def proven(self, count: int) -> Callable[[], bool]:
        return lambda: (status := self.status())["posted"] == count and status["till_unproven"] == 0

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        address = make_url(self.erp_url)
        if address.get_backend_name() == "postgresql":
            address = address.set(drivername="postgresql+psycopg")
        engine = create_engine(address)
        try:
            with engine.begin() as connection:
                result = connection.execute(text(statement))
                return [tuple(row) for row in result] if result.returns_rows else []
        finally:
            engine.dispose()

    def sold(self) -> list[int]:
        return [row[0] for row in self.ask("SELECT number FROM sale ORDER BY number")]


def missing_of(house: House) -> int:
    return int(house.status()["outside"])


def outside_at_the_till(house: House) -> tuple[int, int]:
    """The exit status of its ``till status``, and how many of its sales it knows to be out of the ERP."""
    ended = house.run("till", "status", "--json", home=house.till)
    return ended.returncode, json.loads(ended.stdout)["outside"]["count"]


def test_an_erp_restored_from_its_backup(tmp_path: Path) -> None:
    house = House(tmp_path)
    erp = house.home / "erp.sqlite3"
    with house.working():
        house.sell(range(1, 4))
        house.until(house.proven(3))
    backup = tmp_path / "backup.sqlite3"
    house.ask("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(erp, backup)
    with house.working():
        house.sell(range(4, 8))
        house.until(house.proven(7))
    for left in house.home.glob("erp.sqlite3*"):
        left.unlink()
    shutil.copy(backup, erp)
    with house.working():
        house.until(lambda: missing_of(house) == 4)
        status = house.status()
        assert status["outside_total"] > 0
        house.until(lambda: outside_at_the_till(house) == (1, 4))
        synchronised = house.run("sync", "caixa1", "--wait", "--timeout", "60")
        assert synchronised.returncode == 1
        assert "4 × Booked, and no longer in the ERP" in synchronised.stdout
        (house.pos / "5-again.xml").write_bytes(build_note(number=5))
        assert not house.green()
        [day] = json.loads(house.run("books", "reconcile", "--day", "2026-11-20", "--json").stdout)["days"]
        assert (day["server"]["count"], day["erp"]["count"]) == (7, 3)
        assert house.run("numbering").returncode == 0, "booked numbers are not missing"
        named = house.run("books", "rebook", "--dry-run").stdout
        assert "4 to book again" in named
        assert house.sold() == [1, 2, 3]
        assert house.run("books", "rebook", "--yes", "--reason", "restored").returncode == 0
        house.until(lambda: house.status()["posted"] == 7)
        assert house.sold() == list(range(1, 8))
        # What is sold meanwhile goes the usual way: nobody has to say that posting may go on.
        house.sell([8])
        house.until(house.proven(8))
        assert house.sold() == list(range(1, 9))
        house.until(house.green)
        house.until(lambda: outside_at_the_till(house) == (0, 0))
    assert house.run("books", "reconcile").returncode == 0


@pytest.fixture
def postgresql() -> Iterator[OwnServer]:
    with own_server() as server:
        yield server


def test_a_standby_that_lacks_the_newest(tmp_path: Path, postgresql: OwnServer) -> None:
    """The address leads to a copy that is a few sales behind; the old server never comes back."""
    house = House(tmp_path, postgresql.url)
    assert house.run("erp", "create").returncode == 0
    with house.working():
        house.sell(range(1, 4))
        house.until(house.proven(3))
        # The standby is as far as this: written down as rows, since the server's files are its own.
        for name in STANDING:
            house.ask(f"CREATE TABLE standby_{name} AS SELECT * FROM {name}")
        house.sell(range(4, 8))
        house.until(house.proven(7))
    postgresql.stop()
    postgresql.start()
    for name in STANDING:
        house.ask(f"DELETE FROM {name}")
        house.ask(f"INSERT INTO {name} SELECT * FROM standby_{name}")
    with house.working() as server:
        house.until(lambda: missing_of(house) == 4)
        assert not house.green()
        assert house.run("books", "rebook", "--yes").returncode == 0
        # In the middle of booking again: whatever it had done, the next one ends it.
        server.kill()
        server.wait()
    # It may have been quick enough; but green is never ahead of the ERP.
    assert not house.green() or house.sold() == list(range(1, 8))
    with house.working():
        house.until(lambda: house.status()["posted"] == 7)
        house.until(house.green)
    assert house.sold() == list(range(1, 8))
    assert house.run("books", "reconcile").returncode == 0


STANDING = ("posting_key", "sale", "sale_item", "payment", "stock", "cancellation", "number_void")


@pytest.mark.skipif(not os.environ.get("MALOTE_SOAK"), reason="takes minutes: make soak")
def test_killed_at_any_moment_while_booking_again(tmp_path: Path, postgresql: OwnServer) -> None:
    house = House(tmp_path, postgresql.url)
    assert house.run("erp", "create").returncode == 0
    with house.working():
        house.sell(range(1, 31))
        house.until(house.proven(30))
    stock = house.ask("SELECT product_code, quantity FROM stock ORDER BY 1")
    lines = house.ask("SELECT count(*) FROM sale_item")
    house.ask("DELETE FROM sale WHERE number % 2 = 0")
    with house.working(agent=False):
        house.until(lambda: missing_of(house) == 15)
    for pause in (0.0, 0.6, 1.2, 1.8):
        command = subprocess.Popen([*MALOTE, "books", "rebook", "--yes"], cwd=house.home, stdout=subprocess.DEVNULL)
        with house.working(agent=False):
            time.sleep(pause)
            command.kill()
        command.wait()
        assert house.sold() == sorted(set(house.sold()))
    with house.working(agent=False):
        house.run("books", "rebook", "--yes")
        house.until(lambda: house.sold() == list(range(1, 31)) and house.status()["posted"] == 30)
        house.until(house.green)
    assert house.run("books", "reconcile").returncode == 0
    # Their entries stood: the stock was moved when they were booked, and not again.
    assert house.ask("SELECT product_code, quantity FROM stock ORDER BY 1") == stock
    assert house.ask("SELECT count(*) FROM sale_item") == lines
