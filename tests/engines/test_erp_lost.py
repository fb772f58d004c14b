"""What the ERP lost of a booking is written again, exactly once, and what is there still is left alone."""

from collections.abc import Iterator
from contextlib import closing

import msgspec
import pytest

from malote.erp.factory import open_erp
from malote.erp.protocol import Erp, Result
from malote.fiscal.documents import Document
from tests.engines.erp_support import Tables, post, results
from tests.engines.sales import by_older_version, cancellation, postings, sale

pytest_plugins = ["tests.engines.erp_fixtures"]

KEY = sale(1).access_key
OF_SALE = (("sale", "access_key"), ("sale_item", "access_key"), ("payment", "access_key"))


@pytest.fixture
def erp(erp_url: str, tables: Tables) -> Iterator[Erp]:
    with closing(open_erp(erp_url, lock_timeout_seconds=5)) as opened:
        yield opened


def again(erp: Erp, *documents: Document) -> list[Result]:
    ordered = [msgspec.structs.replace(posting, again=True) for posting in postings(documents)]
    return results(erp.post(ordered))


def delete(tables: Tables, *where: tuple[str, str]) -> None:
    tables.run(*(f"DELETE FROM {table} WHERE {column} = '{KEY}'" for table, column in where))


@pytest.mark.parametrize("gone", [OF_SALE, OF_SALE[:1], OF_SALE[:2]])
def test_a_sale_deleted_by_hand_is_written_again_under_the_entry_that_stands(
    erp: Erp, tables: Tables, gone: tuple[tuple[str, str], ...]
) -> None:
    post(erp, sale(1))
    before, stock = tables.counts(), tables.stock()
    delete(tables, *gone)
    assert post(erp, sale(1)) == [Result.POSTED]  # not asked to look, it trusts its ledger
    assert tables.counts() != before
    for _ in range(2):
        assert again(erp, sale(1)) == [Result.POSTED]
        assert tables.counts() == before
        assert tables.stock() == stock
    assert tables.sale(KEY) == sale(1)


def test_a_sale_that_an_older_version_booked_is_written_again_as_well(erp: Erp, tables: Tables) -> None:
    erp.post(by_older_version(sale(1)))
    before = tables.counts()
    delete(tables, *OF_SALE)
    assert again(erp, sale(1)) == [Result.POSTED]
    assert tables.counts() == before


def test_of_a_sale_that_stands_only_the_lost_entry_is_entered(erp: Erp, tables: Tables) -> None:
    post(erp, sale(1))
    before, stock = tables.counts(), tables.stock()
    tables.run("DELETE FROM posting_key")
    assert again(erp, sale(1)) == [Result.POSTED]
    assert tables.counts() == before
    assert tables.stock() == stock
    assert post(erp, sale(1)) == [Result.POSTED]


def test_a_sale_that_stands_with_another_total_is_not_taken_for_this_one(erp: Erp, tables: Tables) -> None:
    post(erp, sale(1))
    tables.run("DELETE FROM posting_key", "UPDATE sale SET total = total + 0.01")
    assert again(erp, sale(1)) == [Result.DIVERGENT]
    assert erp.ledger([KEY]) == {}


def test_where_all_is_gone_it_is_booked_as_any_other_whatever_lines_were_left(erp: Erp, tables: Tables) -> None:
    post(erp, sale(1))
    before = tables.counts()
    delete(tables, ("posting_key", "identity"), ("sale", "access_key"))
    assert again(erp, sale(1)) == [Result.POSTED]
    assert tables.counts() == before


def test_a_cancelled_sale_is_written_again_as_cancelled(erp: Erp, tables: Tables) -> None:
    post(erp, sale(1), cancellation(sale(1)))
    before, stock = tables.counts(), tables.stock()
    delete(tables, *OF_SALE)
    assert again(erp, sale(1), cancellation(sale(1))) == [Result.POSTED, Result.POSTED]
    assert tables.counts() == before
    assert tables.stock() == stock
    assert tables.cancelled() == [KEY]


def test_of_a_cancelled_sale_whose_entries_are_gone_nothing_is_doubled(erp: Erp, tables: Tables) -> None:
    post(erp, sale(1), cancellation(sale(1)))
    before, stock = tables.counts(), tables.stock()
    tables.run("DELETE FROM posting_key")
    assert again(erp, sale(1), cancellation(sale(1))) == [Result.POSTED, Result.POSTED]
    assert tables.counts() == before
    assert tables.stock() == stock


def test_rows_tell_total_and_state_and_are_told_as_often_as_they_stand(erp: Erp, tables: Tables) -> None:
    post(erp, sale(1), sale(2), cancellation(sale(2)))
    found = {row.access_key: (row.total, row.cancelled) for row in erp.sales([KEY, sale(2).access_key, "9" * 44])}
    assert found == {KEY: (sale(1).totals.total, False), sale(2).access_key: (sale(2).totals.total, True)}
