"""One step back at the till, without a server; and which price it has, or had at a time."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from malote.cli.main import assemble
from malote.config.sections import LoadFileSettings, TillLoadsSettings
from malote.load_format.entity import ALWAYS, Entity, EntityColumn
from malote.till.loads import loads_report
from malote.till.loads.loads_database import LoadsError
from malote.till.loads.rolling_back import RolledBack
from tests.loads_support import PRICE, PRODUCT, SINCE, LoadedTill, price, prices, product

PACKAGE = Entity("package", ("barcode",), (EntityColumn("barcode"), EntityColumn("product_code")))


@pytest.fixture
def till(tmp_path: Path) -> Iterator[LoadedTill]:
    made = LoadedTill(tmp_path)
    with made.outbox:
        yield made


def _rows(till: LoadedTill) -> dict[str, Any]:
    names = [name for (name,) in till.select("SELECT entity FROM _load ORDER BY entity")]
    return {name: till.select(f'SELECT * FROM "{name}" ORDER BY 1, 2') for name in names}


def _load(till: LoadedTill, *entities: Any, at: float) -> None:
    till.now = at
    assert till.obey(till.depot.order_of(till.depot.stage(*entities))).state == "done"


def _back(till: LoadedTill, at: float = 5_000.0) -> RolledBack:
    return loads_report.roll_back(till.outbox.path, at, dry_run=False)


def test_the_last_two_are_taken_back_one_by_one(till: LoadedTill) -> None:
    states = []
    for number, rows in enumerate([prices(9), prices(9, "2.00")[1:], [price("x", "3.00")], []]):
        _load(till, (PRICE, rows), at=1_000.0 + number)
        states.append((_rows(till), till.held().entities))
    done = _back(till)
    assert (done.from_version, done.version, done.entities) == (4, 3, ["price"])
    assert (_rows(till), till.held().entities) == states[2]
    assert (till.held().version, till.held().rolled_back_from, till.held().rolled_back_by) == (3, 4, 0)
    assert till.held().taken_back == []
    assert _back(till, 6_000.0).version == 2
    assert (till.held().applied_at, till.held().taken_back) == (6_000, [(3, 4, 5_000)])
    assert (_rows(till), till.held().entities) == states[1]
    assert till.held().rolled_back_from == 4
    with pytest.raises(LoadsError, match="loads_nothing_before"):
        _back(till)
    _load(till, (PRICE, prices(2)), at=7_000.0)
    assert till.held().taken_back == [], "the server has heard of the till"


def test_an_entity_that_was_new_or_declared_otherwise_is_as_before(till: LoadedTill) -> None:
    _load(till, (PRODUCT, [product("1"), product("2", active=False)]), at=1.0)
    before = _rows(till)
    wider = Entity("product", ("code",), (*PRODUCT.columns, EntityColumn("unit")))
    _load(till, (wider, [("1", "Arroz", True, "UN")]), (PRICE, prices(3)), at=2.0)
    assert _back(till).entities == ["price", "product"]
    assert _rows(till) == before
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        till.select("SELECT * FROM price")
    assert till.obey(till.depot.order_of(2, anew=True)).state == "done"
    assert till.select("SELECT unit FROM product") == [("UN",)]


def test_the_pos_gets_its_files_also_where_no_agent_runs(till: LoadedTill) -> None:
    _load(till, (PRICE, prices(3)), at=1.0)
    _load(till, (PRICE, prices(3, "0.01")), at=2.0)
    folder = till.outbox.path.parent / "cargas"
    files = TillLoadsSettings(str(folder), [LoadFileSettings("price", "p.csv", columns=["price"])])
    loads_report.roll_back(till.outbox.path, 1_700_000_000.0, dry_run=False, files=files)
    assert (folder / "p.csv").read_text("utf-8").split() == ["price", "1.00", "1.00", "1.00"]


def test_what_was_taken_back_comes_again_only_whole_and_the_next_version_as_any(till: LoadedTill) -> None:
    _load(till, (PRICE, prices(3)), at=1.0)
    _load(till, (PRICE, prices(3, "0.01")), at=2.0)
    _back(till)
    assert till.obey(till.depot.order_of(2)).code == "load_rolled_back"
    _load(till, (PRICE, prices(3, "1.50")), at=3.0)
    assert till.select("SELECT SUM(price = '1.50') FROM price_now") == [(3,)]
    assert (till.held().version, till.held().rolled_back_from) == (3, 0)


def test_without_a_first_load_there_would_be_nothing_to_sell_with(till: LoadedTill) -> None:
    _load(till, (PRICE, prices(3)), at=1.0)
    with pytest.raises(LoadsError, match="loads_nothing_before"):
        _back(till)
    assert till.select("SELECT COUNT(*) FROM price") == [(3,)]


# ---- as the server orders it ----


def test_an_ordered_step_back_goes_by_what_the_till_remembers(till: LoadedTill) -> None:
    for number in range(3):
        _load(till, (PRICE, prices(3, f"{number + 1}.00")), at=1.0 + number)
    _load(till, (PRICE, prices(2, "9.00")), (PRODUCT, [product("1")]), at=4.0)
    till.depot.fetched.clear()
    told = till.obey(till.depot.order_of(3, back_from=4))
    assert (told.state, told.done, till.depot.fetched) == ("done", 4, [])
    assert till.obey(till.depot.order_of(3, back_from=4)).state == "done", "killed before it was told"
    assert [row[0] for row in till.select("SELECT price FROM price")] == ["3.00"] * 3
    assert not till.select("SELECT 1 FROM sqlite_master WHERE name = 'product'"), "it came with the bad one"
    held = till.held()
    assert (held.version, held.rolled_back_from, list(held.entities)) == (3, 4, ["price"])
    assert till.obey(till.depot.order_of(4)).code == "load_rolled_back"
    assert till.obey(till.depot.order_of(4, anew=True)).state == "done"
    assert (till.held().version, till.held().rolled_back_from) == (4, 0)


@pytest.mark.parametrize("lost", ["file", "memory"])
def test_what_the_till_does_not_remember_is_fetched(till: LoadedTill, lost: str) -> None:
    for number in range(4):
        _load(till, (PRICE, prices(3, f"{number + 1}.00")), at=1.0 + number)
    if lost == "file":
        till.path.unlink()
    assert till.obey(till.depot.order_of(2, back_from=4)).state == "done"
    assert [row[0] for row in till.select("SELECT price FROM price")] == ["2.00"] * 3
    held = till.held()
    assert (held.version, held.rolled_back_from, held.rolled_back_by > 0) == (2, 4, True)
    with pytest.raises(LoadsError, match="loads_nothing_before"):
        _back(till)  # which would be the one that nobody wants


def test_rows_that_somebody_changed_are_mended_by_an_ordered_step_back(till: LoadedTill) -> None:
    _load(till, (PRICE, prices(3)), at=1.0)
    _load(till, (PRICE, [*prices(3)[:2], price("000002", "2.00")]), at=2.0)
    (name,) = till.select("SELECT name FROM sqlite_master WHERE name GLOB '_rows_[0-9]'")[0]
    with closing(sqlite3.connect(till.path)) as connection, connection:
        connection.execute(f"UPDATE {name} SET _hash = x'00', _bucket = (SELECT _bucket FROM {name} WHERE price > 1)")
    assert till.obey(till.depot.order_of(1, back_from=2)).state == "done"
    assert till.held().entities["price"].sha256 == till.depot.state("price", 1).sha256
    assert {row[0] for row in till.select("SELECT price FROM price")} == {"1.00"}


def test_rows_that_somebody_changed_are_not_taken_for_the_earlier_load(till: LoadedTill) -> None:
    _load(till, (PRICE, prices(3)), at=1.0)
    _load(till, (PRICE, [*prices(3)[:2], price("000002", "2.00")]), at=2.0)
    (name,) = till.select("SELECT name FROM sqlite_master WHERE name GLOB '_rows_[0-9]'")[0]
    with closing(sqlite3.connect(till.path)) as connection, connection:
        connection.execute(f"UPDATE {name} SET _hash = x'00', _bucket = (SELECT _bucket FROM {name} WHERE price > 1)")
    before = _rows(till)
    with pytest.raises(LoadsError, match="loads_rollback_unproven"):
        _back(till)
    assert _rows(till) == before


# ---- the price ----


def _price(till: LoadedTill, code: str, at: float) -> tuple[int, list[str]]:
    found = loads_report.price(till.outbox.path, code, at)
    return found.version, [row["price"] for row in found.rows]


def test_the_price_of_then_is_that_of_the_load_and_the_minute_of_then(till: LoadedTill) -> None:
    hour = 1_600_000_000.0
    later = "2020-09-13T14:26:40Z"  # two hours after it
    _load(till, (PRICE, [price("1", "1.00"), price("1", "1.50", later)]), at=hour)
    _load(till, (PRICE, [price("1", "2.00"), price("1", "2.50", later)]), at=hour + 3600)
    assert [_price(till, "1", hour + 600 * minute) for minute in (-1, 0, 5, 6, 11, 12)] == [
        (0, []), (1, ["1.00"]), (1, ["1.00"]), (2, ["2.00"]), (2, ["2.00"]), (2, ["2.50"]),
    ]  # fmt: skip
    _back(till, hour + 80_000)
    assert _price(till, "1", hour + 80_000) == (1, ["1.50"])
    with pytest.raises(LoadsError, match="loads_history_short"):
        _price(till, "1", hour + 3601)  # what was taken back is the server's to tell
    _load(till, (PACKAGE, [("789", "1")]), at=hour + 90_000)
    assert _price(till, "789", hour + 90_001) == (3, ["2.50"])
    assert _price(till, "789", hour + 80_001) == (1, ["1.50"]), "by the barcode of now"


def test_the_price_before_its_table_was_another(till: LoadedTill) -> None:
    _load(till, (PRICE, [price("1", "1.00"), price("1", "1.20", "2021-01-01T00:00:00Z")]), at=1_000.0)
    wider = Entity("price", ("product",), (*PRICE.columns, EntityColumn("region")))
    _load(till, (wider, [("1", SINCE, None, "9.00", "BA")]), at=1_700_000_000.0)
    assert _price(till, "1", 1_650_000_000.0) == (1, ["1.20"])
    assert _price(till, "1", 1_700_000_000.0) == (2, ["9.00"])


# ---- the commands ----


def _run(folder: Path, *words: str) -> Any:
    (folder / "malote.toml").write_text('language = "en"\n[till]\nfolder = "xml"\n', encoding="utf-8")
    return CliRunner().invoke(assemble("till"), ["till", "loads", *words, "-c", str(folder / "malote.toml")])


def test_the_commands_say_what_the_till_sells_with(till: LoadedTill) -> None:
    folder = till.outbox.path.parent
    assert (_run(folder, "status").exit_code, _run(folder, "rollback").exit_code) == (1, 3)
    _load(till, (PRICE, [price("1", "1.00")]), at=1_700_000_000.0)
    _load(till, (PRICE, [price("1", "2.00")]), at=1_700_000_100.0)
    status = msgspec.json.decode(_run(folder, "status", "--json").stdout)
    assert (status["version"], status["entities"]["price"]["rows"], len(status["history"])) == (2, 1, 2)
    found = _run(folder, "price", "1")
    assert (found.exit_code, "2.00" in found.stdout) == (0, True)
    dry = _run(folder, "rollback", "--dry-run")
    assert (dry.exit_code, till.held().version) == (0, 2)
    assert "from load 2 to 1: 1 row in price" in dry.stdout
    assert _run(folder, "rollback").exit_code == 0
    told = _run(folder, "status")
    assert (told.exit_code, "Load 2 was taken back here" in told.stdout) == (1, True)
    now = msgspec.json.decode(_run(folder, "price", "1", "--json").stdout)
    assert (now["version"], [row["price"] for row in now["rows"]]) == (1, ["1.00"])
    assert _run(folder, "price", "1", "--at", "2023-11-14T22:15:00+00:00").exit_code == 3
    assert (_run(folder, "price", "2").exit_code, _run(folder, "price", "1", "--at", "ontem").exit_code) == (1, 2)


def test_a_price_without_beginning_or_end_says_so(till: LoadedTill) -> None:
    folder = till.outbox.path.parent
    _load(till, (PRICE, [price("1", "1.00", ALWAYS)]), at=1_700_000_000.0)
    assert "no beginning – no end" in _run(folder, "price", "1").stdout
    (row,) = msgspec.json.decode(_run(folder, "price", "1", "--json").stdout)["rows"]
    assert (row["valid_from"], row["valid_until"]) == (None, None)
