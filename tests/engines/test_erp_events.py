"""What follows a sale, on every engine: its protocol, its cancellation, its stock; and numbers without a sale."""

from decimal import Decimal

import msgspec
import pytest

from malote.erp.protocol import Erp, Result
from malote.fiscal.documents import Protocol
from tests.engines import sales
from tests.engines.erp_support import Tables, post
from tests.engines.sales import cancellation, contingency, item, number_void, sale

pytest_plugins = ["tests.engines.erp_fixtures"]

POSTED, DUPLICATE, DIVERGENT = Result.POSTED, Result.DUPLICATE, Result.DIVERGENT
NOT_AUTHORISED, SALE_MISSING, PROTOCOL_ADDED = Result.NOT_AUTHORISED, Result.SALE_MISSING, Result.PROTOCOL_ADDED


# ---- authorisation ----


def test_a_note_without_protocol_is_no_sale_yet(erp: Erp, tables: Tables) -> None:
    assert post(erp, sale(1, authorised=False)) == [NOT_AUTHORISED]
    assert set(tables.counts().values()) == {0}
    assert post(erp, sale(1), first_id=5) == [POSTED]
    assert post(erp, sale(1, authorised=False)) == [DUPLICATE]


def test_the_authorised_one_of_a_batch_is_booked_wherever_it_stands(erp: Erp, tables: Tables) -> None:
    assert post(erp, sale(1, authorised=False), sale(1)) == [DUPLICATE, POSTED]
    assert tables.protocol_of(sale(1).access_key)[1] == 100


def test_contingency_is_booked_at_once_and_completed_later(erp: Erp, tables: Tables) -> None:
    offline, online = contingency(1), contingency(1, authorised=True)
    assert post(erp, offline) == [POSTED]
    assert tables.protocol_of(offline.access_key) == ("", None)
    stock = tables.stock()
    assert post(erp, online, first_id=5) == [PROTOCOL_ADDED]
    assert tables.sale(online.access_key) == online
    assert post(erp, online, offline, first_id=8) == [DUPLICATE, DUPLICATE]
    assert tables.stock() == stock


def test_contingency_and_its_authorisation_in_one_batch(erp: Erp, tables: Tables) -> None:
    online = contingency(1, authorised=True)
    assert post(erp, contingency(1), online, online) == [POSTED, PROTOCOL_ADDED, DUPLICATE]
    assert tables.sale(online.access_key) == online


def test_a_protocol_without_number_is_added_once(erp: Erp, tables: Tables) -> None:
    bare = msgspec.structs.replace(contingency(1, authorised=True), protocol=Protocol("", 150, None))
    assert post(erp, contingency(1), bare, bare) == [POSTED, PROTOCOL_ADDED, DUPLICATE]
    assert tables.protocol_of(bare.access_key) == ("", 150)


def test_a_protocol_does_not_excuse_other_content(erp: Erp, tables: Tables) -> None:
    post(erp, contingency(1))
    assert post(erp, contingency(1, authorised=True, change=1), first_id=5) == [DIVERGENT]
    assert tables.protocol_of(contingency(1).access_key) == ("", None)


# ---- cancellations ----


def test_a_cancellation_returns_the_stock_once(erp: Erp, tables: Tables) -> None:
    one = sale(1, items=(item(1, quantity="1.5"), item(2, quantity="0.2505"), item(3, product="7")))
    post(erp, one, sale(2))
    assert tables.stock() == {"1001": Decimal("-3.7505"), "7": Decimal(-2)}
    assert post(erp, cancellation(one), first_id=5) == [POSTED]
    assert tables.stock() == {"1001": Decimal(-2), "7": Decimal(0)}
    assert tables.cancelled() == [one.access_key]
    assert post(erp, cancellation(one), cancellation(one, event="110112", sequence=2), first_id=7) == [DUPLICATE] * 2
    assert tables.stock()["7"] == 0
    assert tables.counts()["cancellation"] == 1


def test_a_cancellation_before_its_sale_waits(erp: Erp, tables: Tables) -> None:
    assert post(erp, cancellation(sale(1)), cancellation(sale(1), sequence=2)) == [SALE_MISSING, SALE_MISSING]
    assert set(tables.counts().values()) == {0}
    assert post(erp, sale(1), first_id=5) == [POSTED]
    assert post(erp, cancellation(sale(1))) == [POSTED]
    assert tables.stock() == {"1001": Decimal(0)}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_sale_and_cancellation_in_one_batch_in_any_order(erp: Erp, tables: Tables, order: tuple[int, int]) -> None:
    pair = (sale(1), cancellation(sale(1)))
    assert post(erp, *(pair[place] for place in order), sale(2)) == [POSTED] * 3
    assert tables.cancelled() == [sale(1).access_key]
    assert tables.stock() == {"1001": Decimal(-2)}


def test_a_second_cancellation_in_the_batch_is_a_duplicate(erp: Erp, tables: Tables) -> None:
    substitution = cancellation(sale(1), event="110112", substitute=sale(2).access_key)
    assert post(erp, sale(1), substitution, cancellation(sale(1))) == [POSTED, POSTED, DUPLICATE]
    assert tables.stock() == {"1001": Decimal(0)}


def test_an_unauthorised_cancellation_waits_and_undoes_nothing(erp: Erp, tables: Tables) -> None:
    post(erp, sale(1))
    assert post(erp, cancellation(sale(1), authorised=False), first_id=5) == [NOT_AUTHORISED]
    assert tables.cancelled() == []
    assert post(erp, cancellation(sale(1)), first_id=6) == [POSTED]
    assert post(erp, cancellation(sale(1), authorised=False), first_id=7) == [DUPLICATE]


def test_a_sale_that_comes_again_after_its_cancellation_stays_cancelled(erp: Erp, tables: Tables) -> None:
    post(erp, sale(1), cancellation(sale(1)))
    assert post(erp, sale(1), first_id=5) == [DUPLICATE]
    assert tables.cancelled() == [sale(1).access_key]
    assert tables.stock() == {"1001": Decimal(0)}


def test_stock_that_the_erp_itself_gave_back_is_not_given_back_again(erp: Erp, tables: Tables) -> None:
    post(erp, sale(1))
    tables.run("UPDATE sale SET cancelled_at = posted_at", "UPDATE stock SET quantity = 0")
    assert post(erp, cancellation(sale(1)), first_id=5) == [POSTED]
    assert tables.stock() == {"1001": Decimal(0)}
    assert tables.counts()["cancellation"] == 1


# ---- voided numbers ----


def test_voided_numbers_are_booked_once(erp: Erp, tables: Tables) -> None:
    request = number_void(authorised=False, at=None)
    assert post(erp, request) == [NOT_AUTHORISED]
    assert post(erp, number_void(), number_void(), number_void(910, 910), first_id=5) == [POSTED, DUPLICATE, POSTED]
    assert post(erp, request) == [DUPLICATE]
    assert tables.counts()["number_void"] == 2


# ---- stock ----


def test_stock_is_kept_by_issuer_and_product_and_may_be_negative(erp: Erp, tables: Tables) -> None:
    tables.run(f"INSERT INTO stock VALUES ('{sales.ISSUER}', '1001', {'30000' if erp.engine == 'sqlite' else '3'})")
    post(erp, sale(1), sale(2, items=(item(product="9", quantity="0.0001"),)), sale(3, issuer="12ABC34501DE35"))
    assert tables.stock() == {"1001": Decimal(1), "9": Decimal("-0.0001")}
    post(erp, sale(4), first_id=9)
    assert tables.stock()["1001"] == -1


def test_goods_outside_the_total_leave_the_shelf_too(erp: Erp, tables: Tables) -> None:
    post(erp, sale(1, items=(item(in_total=False),)))
    assert tables.stock() == {"1001": Decimal(-2)}
