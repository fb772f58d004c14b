"""The same key mended: what completes a booked sale, what replaces it when ordered, what is refused; on each engine."""

from decimal import Decimal

import msgspec
from sqlalchemy import select

from malote.erp.protocol import Erp, Result
from malote.erp.tables import sale_item
from tests.engines.erp_numbers_support import mended, one, revenue
from tests.engines.erp_support import Tables, post
from tests.engines.sales import cancellation, contingency, item, posting, protocol, sale

pytest_plugins = ["tests.engines.erp_fixtures"]


def test_an_authorised_correction_of_no_money_completes_the_sale(erp: Erp, tables: Tables) -> None:
    offline = contingency(50, items=[item(1), item(2, product="7")])
    correct = mended(offline)
    assert one(erp, offline, 1) is Result.POSTED
    assert erp.post([posting(offline, 1)])[0].open
    told = erp.post([posting(correct, 2)])[0]
    assert (told.result, told.facts) == (Result.MENDED, {"fields": "items[1].description, items[1].ncm"})
    assert tables.protocol_of(offline.access_key)[1] == 100
    ncm = select(sale_item.c.number, sale_item.c.ncm).order_by(sale_item.c.number)
    assert tables.ask(ncm) == [(1, "10063011"), (2, "10063021")]
    assert tables.stock() == {"1001": Decimal(-2), "7": Decimal(-2)}
    assert tables.counts()["sale_item"] == 2
    # Whatever comes again changes nothing.
    assert [one(erp, correct, 2), one(erp, correct, 3), one(erp, offline, 4)] == [
        Result.POSTED,
        Result.DUPLICATE,
        Result.SUPERSEDED,
    ]
    assert tables.stock() == {"1001": Decimal(-2), "7": Decimal(-2)}


def test_the_correction_first_and_both_at_once(erp: Erp, tables: Tables) -> None:
    offline, other = contingency(51), contingency(52)
    assert one(erp, mended(offline), 1) is Result.POSTED
    assert one(erp, offline, 2) is Result.SUPERSEDED
    assert post(erp, other, mended(other), mended(other), first_id=10) == [
        Result.POSTED,
        Result.MENDED,
        Result.DUPLICATE,
    ]
    assert tables.protocol_of(other.access_key)[1] == 100


def test_a_correction_of_money_is_put_aside_and_replaces_the_sale_when_ordered(erp: Erp, tables: Tables) -> None:
    offline = contingency(53)
    lines = (item(1, quantity="5"), item(2, product="7", quantity="1"))
    correct = msgspec.structs.replace(contingency(53, items=lines), protocol=protocol(53))
    assert one(erp, offline, 1) is Result.POSTED
    assert one(erp, correct, 2) is Result.CORRECTED
    assert (revenue(tables), tables.stock()) == ([(offline.access_key, 700)], {"1001": Decimal(-2)})
    assert erp.supersede(posting(correct, 2)).result is Result.POSTED
    for _ in range(2):
        assert revenue(tables) == [(offline.access_key, 2100)]
        assert tables.stock() == {"1001": Decimal(-5), "7": Decimal(-1)}
        assert tables.sale(offline.access_key).payments == correct.payments
        assert tables.protocol_of(offline.access_key)[1] == 100
        assert erp.supersede(posting(correct, 2)).result is Result.POSTED  # changes nothing any more
    assert one(erp, offline, 1) is Result.SUPERSEDED
    assert one(erp, correct, 3) is Result.DUPLICATE
    assert one(erp, cancellation(correct), 4) is Result.POSTED
    assert tables.stock() == {"1001": Decimal(0), "7": Decimal(0)}


def test_a_mended_version_of_the_same_protocol_takes_the_place_of_the_booked_one_when_ordered(
    erp: Erp, tables: Tables
) -> None:
    """The answer came in a file of its own, before the version that was sent: nobody here knows which one it was."""
    offline = contingency(55)
    answered = msgspec.structs.replace(offline, protocol=protocol(55))
    correct = mended(offline)
    assert one(erp, answered, 1) is Result.POSTED
    assert one(erp, correct, 2) is Result.CORRECTED
    assert erp.supersede(posting(correct, 2)).result is Result.POSTED
    assert tables.ask(select(sale_item.c.ncm).where(sale_item.c.number == 1)) == [("10063011",)]
    assert (tables.stock(), len(revenue(tables))) == ({"1001": Decimal(-2)}, 1)
    assert one(erp, answered, 1) is Result.SUPERSEDED
    other = msgspec.structs.replace(correct, protocol=msgspec.structs.replace(protocol(55), number="135260000000999"))
    assert one(erp, msgspec.structs.replace(other, layout="3.10"), 4) is Result.DIVERGENT


def test_an_authorised_sale_is_never_written_over(erp: Erp, tables: Tables) -> None:
    first = sale(54)
    other = msgspec.structs.replace(mended(first), payments=())
    assert one(erp, first, 1) is Result.POSTED
    assert one(erp, other, 2) is Result.DIVERGENT
    assert erp.supersede(posting(other, 2)).result is Result.DIVERGENT
    assert tables.sale(first.access_key).payments == first.payments
