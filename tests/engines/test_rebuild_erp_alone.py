"""A store database that was lost: which of the ERP's sales have no file here."""

from contextlib import closing
from pathlib import Path

import pytest

from malote.rebuild import erp_alone
from tests.engines.erp_support import Tables
from tests.engines.posting_support import open_shop
from tests.engines.sales import cancellation, sale
from tests.engines.spool_support import Clock

pytest_plugins = ["tests.engines.erp_fixtures"]


def test_sales_of_the_erp_without_a_file_here_are_named_until_they_come(
    tmp_path: Path, erp_url: str, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    del tables  # they are there
    (tmp_path / "before").mkdir()
    sold = [sale(number) for number in range(1, 6)]
    with open_shop(tmp_path / "before", erp_url, Clock()) as lost, closing(lost.poster()) as poster:
        lost.accept(*sold)
        poster.drain()
    with open_shop(tmp_path, erp_url, Clock()) as shop, closing(shop.erp()) as erp:
        shop.accept(sold[1])
        monkeypatch.setattr(erp_alone, "_AT_ONCE", 2)
        found = erp_alone.look(shop.engine, erp)
        others = [one for one in sold if one is not sold[1]]
        assert (found.count, found.total) == (4, sum(one.totals.total for one in others))
        assert [(one.till, one.access_key) for one in found.named] == [("caixa1", one.access_key) for one in others]
        monkeypatch.setattr(erp_alone, "MOST_NAMED", 1)
        assert len(erp_alone.look(shop.engine, erp).named) == 1
        shop.accept(*others)
        assert erp_alone.look(shop.engine, erp).count == 0


def test_a_sale_that_the_ledger_has_and_the_sales_lack_is_named_too(
    tmp_path: Path, erp_url: str, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "before").mkdir()
    kept, deleted, known, cancelled = (sale(number) for number in range(1, 5))
    with open_shop(tmp_path / "before", erp_url, Clock()) as lost, closing(lost.poster()) as poster:
        lost.accept(kept, deleted, known, cancelled, cancellation(cancelled))
        poster.drain()
    for one in (deleted, known):
        tables.run(f"DELETE FROM sale WHERE access_key = '{one.access_key}'")
    with open_shop(tmp_path, erp_url, Clock()) as shop, closing(shop.erp()) as erp:
        erp.enter_before([sale(9).access_key])
        shop.accept(known, kept, cancelled)
        monkeypatch.setattr(erp_alone, "_AT_ONCE", 2)
        found = erp_alone.look(shop.engine, erp)
        assert (found.count, found.ledger_only) == (0, 1)
        [named] = found.named
        assert (named.till, named.access_key, named.total) == ("caixa1", deleted.access_key, None)
        assert named.in_sales is False
