"""What another system booked before: imported once, known for ever, and never booked again."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from malote.accounts.audit import Actor, entries
from malote.cli.erp_import import asked_rows
from malote.erp.earlier_system import OLD_SYSTEM
from malote.erp.key_query import rows_of
from malote.erp.protocol import Erp, ErpError
from malote.fiscal.access_key import check_digit
from malote.fiscal.key_lists import KeyLine, ListError, of_file, of_rows
from malote.posting import earlier_system_import
from malote.posting.earlier_system_import import Import, Imported
from malote.register import replaying
from tests.engines.erp_numbers_support import again
from tests.engines.erp_support import Tables
from tests.engines.posting_support import Shop, open_shop
from tests.engines.sales import cancellation, contingency, sale, supermarket

pytest_plugins = ["tests.engines.erp_fixtures"]
ANA = Actor("ana")


@pytest.fixture
def shop(tmp_path: Path, erp_url: str, tables: Tables) -> Iterator[Shop]:
    with open_shop(tmp_path, erp_url) as opened:
        yield opened


def imported(shop: Shop, keys: list[str], *, cancellations: bool = False) -> Imported:
    lines = (KeyLine(number, key) for number, key in enumerate(keys, 1))
    with closing(shop.erp()) as erp:
        return earlier_system_import.enter(
            shop.engine, erp, lines, Import("list", "cut-over", cancellations), ANA, lambda _: None
        )


def posted(shop: Shop) -> list[tuple[str, str | None]]:
    with closing(shop.poster()) as poster:
        poster.drain()
    return [(one.state, one.reason.code if one.reason else None) for one in shop.documents()]


def test_what_the_old_system_booked_is_kept_and_the_rest_is_booked(shop: Shop, tables: Tables) -> None:
    sold = supermarket(30)
    old = [one.access_key for one in sold[:20]]
    assert imported(shop, [*old, old[0]]) == Imported(False, read=21, new=20, known=1)
    assert imported(shop, old) == Imported(False, read=20, known=20)
    shop.accept(*sold)
    assert posted(shop) == [("kept", "booked_by_old_system")] * 20 + [("posted", None)] * 10
    assert tables.counts()["sale"] == 10
    # It is known for ever: another file of the same key changes nothing either.
    shop.accept(sold[0])
    assert posted(shop)[-1] == ("kept", "booked_by_old_system")
    found = entries(shop.engine, limit=10)
    assert [one.action for one in found if one.object == "erp"] == [
        "old_ledger_imported",
        "old_ledger_import_begun",
    ] * 2
    assert found[0].after == {"source": "list", "of": "sales", "new": 0, "known": 20, "wrong": 0}
    assert found[0].reason == "cut-over"


def test_a_number_of_the_old_system_is_sold_once(shop: Shop, tables: Tables) -> None:
    offline = contingency(30)
    imported(shop, [offline.access_key])
    shop.accept(again(offline))
    assert posted(shop) == [("rejected", "number_of_old_system")]
    assert tables.counts()["sale"] == 0


def test_a_cancellation_of_an_old_sale_is_a_persons_until_it_is_imported_too(shop: Shop) -> None:
    sold = sale(1)
    imported(shop, [sold.access_key])
    shop.accept(cancellation(sold))
    assert posted(shop) == [("rejected", "cancels_old_sale")]
    assert imported(shop, [sold.access_key], cancellations=True).new == 1
    replaying.replay(shop.spool.engine, [shop.documents()[0].id], now=shop.spool.clock())
    assert posted(shop) == [("kept", "booked_by_old_system")]


def test_what_malote_booked_stays_its_own(shop: Shop, tables: Tables) -> None:
    sold = sale(1)
    shop.accept(sold)
    posted(shop)
    assert imported(shop, [sold.access_key]) == Imported(False, read=1, known=1)
    shop.accept(cancellation(sold))
    assert posted(shop) == [("posted", None), ("posted", None)]


def test_stopped_between_two_batches_it_is_run_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(earlier_system_import, "BATCH", 3)
    keys = [one.access_key for one in supermarket(8)]
    lines = [KeyLine(number, key) for number, key in enumerate(keys, 1)]

    def dying(done: Imported) -> None:
        if done.read == 6:
            raise KeyboardInterrupt

    with closing(shop.erp()) as erp:
        with pytest.raises(KeyboardInterrupt):
            earlier_system_import.enter(shop.engine, erp, lines, Import("list", ""), ANA, dying)
        foreseen = earlier_system_import.foresee(erp, lines, Import("list", ""), lambda _: None)
        assert foreseen == Imported(True, read=8, new=2, known=6)
        assert len(erp.ledger(keys)) == 6
    assert imported(shop, keys) == Imported(False, read=8, new=2, known=6)


def test_a_query_over_the_erp_reads_and_can_write_nothing(shop: Shop, erp: Erp, tables: Tables) -> None:
    sold = supermarket(12)
    shop.accept(*sold)
    posted(shop)
    asked = "SELECT access_key FROM sale WHERE model LIKE '6%' AND access_key <> ':x' ORDER BY 1"
    assert list(rows_of(erp, asked)) == [[key] for key in sorted(one.access_key for one in sold)]
    for forbidden in ("DELETE FROM sale", "UPDATE sale SET total = 0"):
        with pytest.raises(ErpError):
            list(rows_of(erp, forbidden))
    with tables.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM sale")) == 12
        assert connection.scalar(text(f"SELECT count(*) FROM posting_key WHERE till = '{OLD_SYSTEM}'")) == 0


def refused(code: str, facts: dict[str, str]) -> Iterator[list[str]]:
    yield ["1"]
    raise ErpError(code, detail="", facts=facts)


def test_what_a_query_is_refused_for_is_the_querys_and_an_erp_that_is_away_is_not() -> None:
    for code, state in (("structure_outdated", "42P01"), ("erp_refused", "42601"), ("erp_read_only", "25006")):
        with pytest.raises(ListError, match="no such table"):
            list(asked_rows(refused(code, {"said": "no such table", "sqlstate": state})))
    with pytest.raises(ErpError):
        list(asked_rows(refused("erp_away", {"sqlstate": "08006"})))


def test_lists_as_people_have_them(tmp_path: Path) -> None:
    one, two = (made.access_key[:43] + check_digit(made.access_key) for made in supermarket(2))
    masked = " ".join(one[at : at + 4] for at in range(0, 44, 4))
    wrong = one[:43] + str((int(one[43]) + 1) % 10)
    path = tmp_path / "chaves.csv"
    text = f"id;chave;outra\n1;{masked};x\n\n2;NFe{two};{one}\n3;{wrong};\n4;{two};{two}\n"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode("latin-1"))
    keys = [(line.number, line.key) for line in of_file(path)]
    assert keys == [(2, one), (4, None), (5, None), (6, two)]
    named = [line.key for line in of_file(path, "Chave")]
    assert named == [one, two, None, two]
    with pytest.raises(ListError, match="id, chave, outra"):
        list(of_file(path, "chnfe"))
    assert list(of_rows([])) == []
    # A wrong key in the first row is told, and no heading; a query has none.
    path.write_text(f"{wrong}\n{one}\n", encoding="utf-8")
    assert [line.key for line in of_file(path)] == [None, one]
    assert [line.key for line in of_rows([["chave"], [one]])] == [None, one]
    # As spreadsheets write them.
    path.write_text(f'Chave de acesso\tTotal\r\n="{one}"\t1\r\n\'{two}\t2\r\n', encoding="utf-16")
    assert [line.key for line in of_file(path)] == [one, two]
    assert [line.key for line in of_rows([[one], [two]])] == [one, two]
