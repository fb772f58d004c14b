import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from malote.demo import loaded_prices, notes
from malote.demo.catalogue import products
from malote.demo.issuers import WHOLESALE
from malote.demo.ledger import DemoLedger, DemoLedgerEntry, OutgoingFile
from malote.demo.pos import PLAIN, Habits, Pos, TillPlan
from tests.unit.demo.demo_support import AT

PLAN = TillPlan("caixa1", WHOLESALE, 4, 11)
LIVELY = Habits(contingency=0.2, late=0.2, cancellation=0.2, void=0.1)


def open_pos(tmp_path: Path, habits: Habits = PLAIN, *, slow: bool = False) -> Pos:
    return Pos(PLAN, tmp_path / "xml", tmp_path / "ledger.sqlite3", habits=habits, slow=slow, clock=lambda: AT)


def written(tmp_path: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (tmp_path / "xml").rglob("*") if path.is_file()}


def test_each_sale_is_in_the_ledger_and_in_the_folder(tmp_path: Path) -> None:
    pos = open_pos(tmp_path)
    sold = pos.sell(120)
    files = written(tmp_path)
    assert files == {f"{note.access_key}-procNFe.xml": note.authorised() for note in sold}
    assert [sale.access_key for sale in pos.ledger.sales()] == [note.access_key for note in sold]
    assert [sale.number for sale in pos.ledger.sales()] == list(range(1, 121))
    assert sum(sale.total for sale in pos.ledger.sales()) == pos.amount
    assert pos.sold == 120
    pos.close()


def test_the_ledger_knows_the_quantities_that_left_the_store(tmp_path: Path) -> None:
    pos = open_pos(tmp_path)
    note = pos.sell_one()
    (sale,) = pos.ledger.sales()
    expected: Counter[str] = Counter()
    for line in note.basket.lines:
        expected[line.product.code] += line.quantity
    assert sale.quantities == expected
    pos.close()


def test_the_same_seed_sells_the_same(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        pos = open_pos(tmp_path / name, LIVELY)
        pos.sell(60)
        pos.close()
    assert written(tmp_path / "first") == written(tmp_path / "second")


def test_habits_bring_everything_that_happens_at_a_till(tmp_path: Path) -> None:
    pos = open_pos(tmp_path, LIVELY)
    pos.sell(200)
    assert {sale.status for sale in pos.ledger.sales()} == {"authorised", "contingency", "unauthorised", "cancelled"}
    assert pos.ledger.voided()
    pos.settle()
    assert {sale.status for sale in pos.ledger.sales()} == {"authorised", "cancelled"}
    kinds = Counter(name.rsplit("-", 1)[1] for name in written(tmp_path))
    statuses = Counter(sale.status for sale in pos.ledger.sales())
    assert kinds["procNFe.xml"] == 200
    assert kinds["procEventoNFe.xml"] == statuses["cancelled"] > 0
    assert kinds["procInutNFe.xml"] == len(pos.ledger.voided())
    assert kinds["nfe.xml"] > 0
    pos.close()


def test_voided_numbers_are_not_sold(tmp_path: Path) -> None:
    pos = open_pos(tmp_path)
    pos.sell(2)
    pos.void(3)
    assert pos.ledger.voided() == [(3, 5)]
    assert pos.sell_one().number == 6
    pos.close()


def test_starting_again_continues_the_numbers_and_pays_what_is_owed(tmp_path: Path) -> None:
    pos = open_pos(tmp_path)
    offline = pos.sell_one(emission=notes.CONTINGENCY)
    amount = pos.amount
    pos.close()
    again = open_pos(tmp_path)
    assert (again.sold, again.amount) == (1, amount)
    assert again.sell_one().number == 2
    again.settle()
    assert written(tmp_path)[f"{offline.access_key}-procNFe.xml"] == offline.authorised()
    assert [sale.status for sale in again.ledger.sales()] == ["authorised", "authorised"]
    again.close()


def test_a_file_that_a_crash_kept_from_being_written_is_written_at_the_next_start(tmp_path: Path) -> None:
    ledger = DemoLedger(tmp_path / "ledger.sqlite3")
    ledger.record(DemoLedgerEntry(files=[OutgoingFile("2026-11-24/late.xml", b"<late/>")]))
    ledger.close()
    pos = open_pos(tmp_path)
    assert written(tmp_path) == {"late.xml": b"<late/>"}
    assert pos.ledger.unwritten() == []
    pos.close()


def test_a_failing_entry_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    pos = open_pos(tmp_path)
    note = pos.sell_one()
    with pytest.raises(Exception, match="UNIQUE"):
        pos.ledger.record(DemoLedgerEntry(sold=[(note, "authorised")], voided=[(90, 91)]))
    assert pos.ledger.voided() == []
    assert len(list(pos.ledger.sales())) == 1
    pos.close()


def test_prepared_files_come_when_they_are_delivered(tmp_path: Path) -> None:
    pos = open_pos(tmp_path)
    note, files = pos.prepare(cancelled=True)
    assert written(tmp_path) == {}
    assert [sale.status for sale in pos.ledger.sales()] == ["cancelled"]
    pos.deliver(reversed(files))
    assert set(written(tmp_path)) == {
        f"{note.access_key}-procNFe.xml",
        f"{note.access_key}-110111-procEventoNFe.xml",
    }
    pos.close()


def test_a_slow_pos_writes_the_same_files(tmp_path: Path) -> None:
    pos = open_pos(tmp_path, slow=True)
    note = pos.sell_one()
    assert written(tmp_path) == {f"{note.access_key}-procNFe.xml": note.authorised()}
    pos.close()


def test_a_till_sells_at_the_prices_of_its_load_and_recalls_them(tmp_path: Path) -> None:
    path, dearer = tmp_path / "loads.sqlite3", products()[0]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE price_now (product_code, unit, price)")
        rows = [(one.code, unit, price) for one in products() for unit, price in (("CX", "9.99"), ("", "0.07"))]
        connection.executemany("INSERT INTO price_now VALUES (?, ?, ?)", [*rows, (dearer.code, dearer.unit, "123.45")])
    prices = loaded_prices.now(path)
    assert (prices[dearer.code], set(prices.values())) == (12345, {7, 12345})
    pos = open_pos(tmp_path)
    before = pos.sell_one()
    assert {line.product.price for line in before.basket.lines} <= {one.price for one in products()}
    pos = Pos(PLAN, tmp_path / "xml", tmp_path / "ledger.sqlite3", clock=lambda: AT, prices=lambda: prices)
    sold = pos.sell(20)
    assert {line.product.price for note in sold for line in note.basket.lines} <= {7, 12345}
    assert [pos.recall(sale).nfe for sale in pos.ledger.sales()] == [note.nfe for note in (before, *sold)]
    pos.close()
    assert loaded_prices.beside(tmp_path / "elsewhere" / "outbox.sqlite3")() == {}
