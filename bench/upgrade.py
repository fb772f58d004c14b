"""A rehearsal of an upgrade and of the way back, with two installed versions: ``python -m bench.upgrade OLD NEW``.

``OLD`` and ``NEW`` are the ``malote`` programs of two environments. One store goes through what an upgrade brings: till
and server old; a newer program brings the database up to date beneath the running old server; an old till and a new
server; both new; and back, by the backup beside the old version, with a new till. After each, every sale is in the ERP
once, and a synchronisation that was ordered is obeyed.
"""

import argparse
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import httpx
from tests.unit.fiscal.notes import ISSUER, MORNING, build_note

PORT = 18470
SALES = 5  # in each step
SECONDS = 300.0  # for a busy machine


class Shop:
    """One store's folders; ``sold`` counts what its POS wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sold = 0
        for name in ("server", "back", "till", "pos"):
            (folder / name).mkdir()
        erp = (folder / "erp.sqlite3").as_posix()
        (folder / "server" / "malote.toml").write_text(
            f'language = "en"\n[server]\nport = {PORT}\n[store]\nissuers = ["{ISSUER}"]\n[erp]\nurl = "sqlite:///{erp}"\n',
            encoding="utf-8",
        )

    def enrol(self, program: Path) -> None:
        """The till, with its token."""
        said = run(program, self.folder / "server", "till", "create", "caixa1")
        token = re.search(r"\b1\.[\w-]{20,}", said)
        if token is None:
            raise SystemExit(f"no token: {said}")
        (self.folder / "till" / "malote.toml").write_text(
            f'[till]\nserver = "http://127.0.0.1:{PORT}"\ntoken = "{token[0]}"\nquiet_seconds = 0.1\n'
            f'folder = "{(self.folder / "pos").as_posix()}"\n',
            encoding="utf-8",
        )

    def sell(self, program: Path, server: Path | None, home: Path, said: str) -> None:
        """A few sales, taken by this version's agent until they are proven; then the ERP is counted.

        ``server``: the program that orders a synchronisation meanwhile, over the store in ``home``; None: the old
        server itself, whose commands refuse a newer version's database.
        """
        order(server, home)
        for _ in range(SALES):
            self.sold += 1
            issued_at = MORNING + timedelta(seconds=self.sold)
            note = build_note(number=self.sold, issued_at=issued_at)
            (self.folder / "pos" / f"{self.sold}.xml").write_bytes(note)
        for _ in range(2):  # what it has done it may tell at its next contact
            run(program, self.folder / "till", "till", "run", "--once", "--timeout", str(SECONDS))
        with closing(sqlite3.connect(self.folder / "erp.sqlite3")) as erp:
            ((rows, numbers),) = erp.execute("SELECT count(*), count(DISTINCT number) FROM sale").fetchall()
        obeyed = is_obeyed(home)
        print(f"{said}: sold {self.sold}, in the ERP {rows}, synchronisation obeyed: {obeyed}", flush=True)
        if (rows, numbers) != (self.sold, self.sold) or not obeyed:
            raise SystemExit(1)


def run(program: Path, home: Path, *words: str) -> str:
    """A command of this version in a folder; ends everything where it fails."""
    ended = subprocess.run([program, *words], cwd=home, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{program} {' '.join(words)}: exit {ended.returncode}\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def order(program: Path | None, home: Path) -> None:
    """A synchronisation of the till, by a command, or as the console of the old server writes it."""
    if program is not None:
        run(program, home, "sync", "caixa1")
        return
    with closing(sqlite3.connect(home / "store.sqlite3", timeout=SECONDS)) as store, store:
        store.execute(
            "INSERT INTO sync_order (till_id, number, asked_by, asked_at, posted_before, retried, replayed)"
            " VALUES (1, 4711, 'console', ?, 0, 0, 0)",
            (time.time(),),
        )


def is_obeyed(home: Path) -> bool:
    """Whether the till said so of the synchronisation that was ordered last, by whichever version."""
    with closing(sqlite3.connect(home / "store.sqlite3")) as store:
        tables = {name for (name,) in store.execute("SELECT name FROM sqlite_master")}
        newest = []
        if "till_order" in tables:
            newest += store.execute(
                "SELECT asked_at, obeyed_at FROM till_order WHERE kind = 'synchronise' ORDER BY id DESC LIMIT 1"
            ).fetchall()
        newest += store.execute("SELECT asked_at, picked_up_at FROM sync_order ORDER BY id DESC LIMIT 1").fetchall()
    return max(newest)[1] is not None


@contextmanager
def serving(program: Path, home: Path) -> Iterator[None]:
    """This version's server over a folder, from when it answers."""
    with (home / "server.log").open("a", encoding="utf-8") as log:
        server = subprocess.Popen([program, "serve"], cwd=home, stdout=log, stderr=log)
        try:
            until = time.monotonic() + SECONDS
            while not _answers():
                if server.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"no server: {(home / 'server.log').read_text(encoding='utf-8')[-2000:]}")
                time.sleep(0.2)
            yield
        finally:
            server.terminate()
            server.wait(timeout=SECONDS)


def _answers() -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{PORT}/health", timeout=5).status_code < 600
    except httpx.TransportError:
        return False


def rehearse(shop: Shop, old: Path, new: Path) -> None:
    """Ends with exit status 1 where a sale is missing or doubled."""
    home, back = shop.folder / "server", shop.folder / "back"
    with serving(old, home):
        shop.enrol(old)
        shop.sell(old, old, home, "old till, old server")
        run(old, home, "backup", str(shop.folder / "before.zip"))
        run(new, home, "post", "--once")
        shop.sell(old, None, home, "old till, old server over the new version's database")
    with serving(new, home):
        shop.sell(old, new, home, "old till, new server")
        shop.sell(new, new, home, "new till, new server")
    run(old, back, "restore", str(shop.folder / "before.zip"))
    with serving(old, back):
        shop.sell(new, old, back, "new till, the old server again, from the backup before")


def main() -> int:
    parser = argparse.ArgumentParser(description="Rehearses an upgrade and the way back, with two installed versions.")
    parser.add_argument("old", type=Path, help="the malote program of the version before")
    parser.add_argument("new", type=Path, help="the malote program of the new version")
    chosen = parser.parse_args()
    began = datetime.now().astimezone()
    with tempfile.TemporaryDirectory() as folder:
        rehearse(Shop(Path(folder)), chosen.old.absolute(), chosen.new.absolute())
    print(f"each sale once, in {(datetime.now().astimezone() - began).seconds} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
