"""The row beside a sale (``[note]`` of a profile), taken away in the ERP: told, and written again as it was, once."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from malote.accounts.audit import Actor
from malote.books.rebooking import plan, rebook
from malote.books.reconciling import Books, ReconcileQuery, reconcile
from malote.business_day import BusinessCalendar
from malote.erp.protocol import Erp
from tests.engines.ordinary_support import WITH_NOTE, open_ordinary
from tests.engines.posting_support import Shop, open_shop
from tests.engines.sales import cancellation, sale

pytest_plugins = ["tests.engines.erp_fixtures"]


@pytest.fixture
def erp(erp_url: str) -> Callable[[], Erp]:
    open_one = partial(open_ordinary, erp_url, WITH_NOTE)
    with closing(open_one()) as made:
        made.create_structure(everything=True)
    return open_one


@pytest.fixture
def database(erp_url: str) -> Iterator[Engine]:
    engine = create_engine(erp_url.replace("postgresql://", "postgresql+psycopg://"))
    yield engine
    engine.dispose()


def test_it_is_written_again_as_it_was_and_once(
    tmp_path: Path, erp_url: str, erp: Callable[[], Erp], database: Engine
) -> None:
    def rows(table: str) -> list[tuple[object, ...]]:
        with database.connect() as connection:
            return sorted(map(tuple, connection.execute(text(f"SELECT * FROM {table}"))))

    def found(shop: Shop) -> list[tuple[str, str]]:
        with closing(erp()) as opened:
            report = reconcile(Books(shop.engine, opened, BusinessCalendar()), ReconcileQuery(), shop.clock())
        return [(one.what, one.access_key) for one in report.differences]

    def rebooked(shop: Shop) -> int:
        with closing(erp()) as opened:
            planned = plan(Books(shop.engine, opened, BusinessCalendar()), ReconcileQuery(), shop.clock())
        ordered = rebook(shop.engine, planned, Actor("ana"), shop.clock())
        with closing(shop.poster(erp=erp)) as poster:
            poster.drain()
        return ordered

    with open_shop(tmp_path, erp_url) as shop:
        shop.accept(*(sale(n) for n in range(1, 5)), cancellation(sale(2)))
        with closing(shop.poster(erp=erp)) as poster:
            poster.drain()
        tables = ("nota_fiscal", "nota_cupom", "nota_linha", "nota_chave", "nota_venda")
        before = {name: rows(name) for name in tables}
        assert (len(before["nota_fiscal"]), found(shop)) == (4, [])
        lost = sorted(sale(n).access_key for n in (2, 3))
        with database.begin() as connection:
            connection.execute(text(f"DELETE FROM nota_fiscal WHERE chave IN ('{lost[0]}', '{lost[1]}')"))
        assert sorted(found(shop)) == [("note", key) for key in lost]
        assert rebooked(shop) == 3, "two sales, and the cancellation of one"
        assert {name: rows(name) for name in tables} == before
        assert (found(shop), rebooked(shop)) == ([], 0)
