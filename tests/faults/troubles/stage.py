"""A store on which troubles are played: a server, a till with its agent, the POS's folder, and an ERP."""

import json
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from tests.command_line import MALOTE
from tests.faults.test_erp_restored import PATIENCE, House
from tests.faults.troubles.series import now
from tests.unit.fiscal.notes import Line, build_note


class Stage(House):
    """``sold_numbers`` counts on over all rounds; each sale has a value of its own, so that a wrong one shows."""

    def __init__(self, folder: Path, erp_url: str = "") -> None:
        super().__init__(folder, erp_url)
        with (self.till / "malote.toml").open("a", encoding="utf-8") as settings:
            settings.write("\nretry_first_seconds = 0.2\nretry_longest_seconds = 1.0\n")
        assert self.run("erp", "create").returncode == 0
        self.count = 0

    @staticmethod
    def cents(number: int) -> int:
        return 1000 + number

    def note(self, number: int) -> bytes:
        price = f"{self.cents(number) // 100}.{self.cents(number) % 100:02d}"
        return build_note(number=number, items=(Line(price=price),))

    def sell(self, numbers: Any) -> None:
        for number in numbers:
            part = self.pos / f"{number}.part"
            part.write_bytes(self.note(number))
            part.rename(self.pos / f"{number}.xml")

    def sell_more(self, count: int) -> range:
        """Their numbers."""
        numbers = range(self.count + 1, self.count + count + 1)
        self.sell(numbers)
        self.count += count
        return numbers

    @contextmanager
    def process(self, words: str, home: Path, environment: dict[str, str] | None = None) -> Iterator[Any]:
        """A command that runs on; killed without a word at the end."""
        with (self.home.parent / "log.txt").open("ab") as log:
            process = subprocess.Popen([*MALOTE, *words.split()], cwd=home, stdout=log, stderr=log, env=environment)
            try:
                yield process
            finally:
                process.kill()
                process.wait()

    def till_status(self) -> dict[str, Any]:
        ended = self.run("till", "status", "--json", home=self.till)
        return {"exit": ended.returncode, **json.loads(ended.stdout)}

    def change(self, statement: str, *values: Any) -> None:
        """In a SQLite ERP, as somebody else's program does."""
        with closing(sqlite3.connect(self.home / "erp.sqlite3", timeout=60)) as connection, connection:
            connection.execute(statement, values)

    def booked_right(self) -> None:
        """Every sale in the ERP once, with its value, its one item and the stock once."""
        # SQLite has no decimals: cents, and quantities in ten-thousandths.
        cents, pieces = (1, 10_000) if self.erp_url.startswith("sqlite") else (100, 1)
        rows = self.ask("SELECT number, total FROM sale ORDER BY number")
        booked = [(int(number), round(total * cents)) for number, total in rows]
        assert booked == [(number, self.cents(number)) for number in range(1, self.count + 1)]
        [(items,)] = self.ask("SELECT count(*) FROM sale_item")
        [(stock,)] = self.ask("SELECT quantity FROM stock")
        assert (items, stock) == (self.count, -self.count * pieces)

    def key_of(self, number: int) -> str:
        """The access key under which the ERP has that sale."""
        [(key,)] = self.ask(f"SELECT access_key FROM sale WHERE number = {number}")
        return str(key)

    def becomes_right(self) -> float:
        """Waits until the ERP is: ``booked_right``. The last moment at which it wasn't, 0 if it was at once."""
        end, wrong = now() + PATIENCE, 0.0
        while True:
            asked = now()
            try:
                self.booked_right()
                return wrong
            except (AssertionError, SQLAlchemyError):
                if asked > end:
                    raise
            wrong = asked
            time.sleep(0.3)

    def reconciled(self) -> None:
        ended = self.run("books", "reconcile", "--json")
        assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr

    def named(self, *words: str) -> set[tuple[int, int]]:
        """Number and cents of each sale that a command names as missing from the ERP, or as otherwise there."""
        told = json.loads(self.run(*words, "--json").stdout)
        sales = told["plan"]["missing"] if "plan" in told else told["differences"]
        return {(one["number"], one["total"]) for one in sales}

    def worth(self, numbers: Any) -> set[tuple[int, int]]:
        """These sales, as ``named`` tells them."""
        return {(number, self.cents(number)) for number in numbers}

    def port(self) -> int:
        lines = (self.home / "malote.toml").read_text(encoding="utf-8").splitlines()
        return int(next(line.split("=")[1] for line in lines if line.startswith("port")))
