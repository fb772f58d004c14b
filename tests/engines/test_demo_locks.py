"""The demo's planted lock, and its DBA whose password the database really looks at."""

import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from malote.accounts.audit import Actor
from malote.config import LocksSettings
from malote.demo import locks as demo
from malote.demo import postgres
from malote.erp.factory import open_erp
from malote.erp.sessions.errors import SessionsError
from malote.erp.sessions.protocol import DbaLogin
from malote.locks.lock_service import Locks
from tests.engines.posting_support import Shop, open_shop
from tests.engines.spool_support import Clock

DBA = DbaLogin(demo.DBA, demo.DBA_PASSWORD)


@pytest.fixture
def server() -> Iterator[postgres.Postgres]:
    with tempfile.TemporaryDirectory(prefix="malote-demo-", ignore_cleanup_errors=True) as folder:
        started = postgres.start(Path(folder) / "data", Path(folder) / "run")
        erp = open_erp(started.url, lock_timeout_seconds=5)
        erp.create_structure()
        erp.close()
        try:
            yield started
        finally:
            started.stop()


@pytest.fixture
def shop(tmp_path: Path, server: postgres.Postgres) -> Iterator[Shop]:
    with open_shop(tmp_path, server.url, Clock()) as opened:
        yield opened


@pytest.mark.postgresql
def test_the_stock_is_held_until_the_dba_ends_it(server: postgres.Postgres, shop: Shop) -> None:
    for _ in range(2):  # every start of the demo prepares
        demo.prepare(server.url, server.folder)
    assert (server.folder / "pg_hba.conf").read_text(encoding="utf-8").count(f"local all {demo.DBA} ") == 1
    locks = Locks(shop.engine, server.url, LocksSettings(grace_seconds=0.2))
    with pytest.raises(SessionsError) as refused:
        locks.tree_as(DbaLogin(demo.DBA, "errada"))
    assert refused.value.code == "dba_login_refused"
    held = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        ending = threads.submit(demo.hold, server.url, 60.0, held.set)
        assert held.wait(30)
        signed_in = locks.sign_in("visit", DBA, Actor("maria"))
        assert (signed_in.missing, signed_in.password_asked) == ([], True)
        node = locks.tree("visit").nodes[0]
        assert (node.session.user, node.session.program, node.session.objects) == ("gerente", "retaguarda", ("stock",))
        report = locks.kill("visit", [node.identity], Actor("maria"), reason="demonstração", any_session=True)
        assert report.killed[0].outcome == "ended"
        assert ending.result(timeout=300) == "ended"
    locks.close()


@pytest.mark.postgresql
def test_it_lets_go_by_itself(server: postgres.Postgres) -> None:
    demo.prepare(server.url, server.folder)
    assert demo.hold(server.url, 0.1, lambda: None) == "released"


def test_on_sqlite_the_file_is_held(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'erp.sqlite3'}"
    with pytest.raises(OSError, match="erp"):
        demo.hold(url, 1, lambda: None)
    with closing(sqlite3.connect(tmp_path / "erp.sqlite3")) as other:
        other.execute("CREATE TABLE t (x)")
        other.commit()

        def look() -> None:
            late = sqlite3.connect(tmp_path / "erp.sqlite3", timeout=0)
            with closing(late), pytest.raises(sqlite3.OperationalError):
                late.execute("BEGIN IMMEDIATE")

        demo.prepare(url, tmp_path)
        assert demo.hold(url, 0.1, look) == "released"


def test_an_erp_that_does_not_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="OperationalError"):
        demo.hold(f"postgresql://postgres@/postgres?host={tmp_path}", 1, lambda: None)
