"""Offline sales that were never transmitted: overdue from their deadline; and what the numbering tells of them."""

from pathlib import Path

import msgspec
import pytest

from malote.books.numbering import NumbersPage, NumbersQuery, SeriesKey, numbers
from malote.config import StoreSettings
from malote.fiscal.documents import Answer, Document
from malote.register import till_documents
from tests.engines.erp_numbers_support import again, mended
from tests.engines.posting_numbers_support import BOSS, drain, light, quarantine
from tests.engines.posting_support import Shop, open_shop
from tests.engines.sales import ISSUER, cancellation, contingency, number_void, protocol, sale
from tests.engines.spool_support import Clock

pytest_plugins = ["tests.engines.erp_fixtures"]
pytestmark = pytest.mark.usefixtures("tables")


# ---- offline and never transmitted ----


def test_an_offline_sale_is_overdue_from_its_deadline_until_its_protocol_comes(tmp_path: Path, erp_url: str) -> None:
    clock = Clock()
    hour = StoreSettings(authorisation_hours=1)
    offline = msgspec.structs.replace(contingency(21), issued_at=_at(clock))
    with open_shop(tmp_path, erp_url, clock) as shop:
        shop.accept(offline)
        drain(shop, hour)
        assert (light(shop)[0], till_documents.overdue(shop.spool.engine, now=shop.spool.clock())) == ("ok", [])
        clock.now += 3601
        assert light(shop) == ("overdue", "protocol_overdue")
        (found,) = till_documents.overdue(shop.spool.engine, now=shop.spool.clock())
        assert (found.access_key, found.number, found.total) == (offline.access_key, 21, 700)
        status = till_documents.status(shop.spool.engine, now=shop.spool.clock())[0]
        assert (status.overdue, status.overdue_total) == (1, 700)
        shop.accept(msgspec.structs.replace(offline, protocol=protocol(21)))
        drain(shop, hour)
        assert (light(shop)[0], till_documents.overdue(shop.spool.engine, now=shop.spool.clock())) == ("ok", [])


@pytest.mark.parametrize("how", ["mended", "cancelled", "authorised first", "answered"])
def test_what_needs_no_protocol_any_more_is_not_overdue(tmp_path: Path, erp_url: str, how: str) -> None:
    offline = contingency(22)
    authorised = msgspec.structs.replace(offline, protocol=protocol(22))
    ways: dict[str, list[Document]] = {
        "mended": [offline, mended(offline)],
        "cancelled": [offline, cancellation(offline)],
        "authorised first": [authorised, offline],
        "answered": [offline, Answer(offline.access_key, 100, protocol(22), protocol(22).at, 1)],
    }
    with open_shop(tmp_path, erp_url) as shop:
        for one in ways[how]:
            shop.accept(one)
            drain(shop)
        assert till_documents.overdue(shop.spool.engine, now=shop.spool.clock()) == []
        assert shop.counted() == ({"posted": 1, "kept": 1} if how == "answered" else {"posted": 2})


def test_by_default_the_day_of_the_law_counts(tmp_path: Path, erp_url: str) -> None:
    clock = Clock()
    with open_shop(tmp_path, erp_url, clock) as shop:
        shop.accept(msgspec.structs.replace(contingency(23), issued_at=_at(clock)))
        drain(shop)
        clock.now += 24 * 3600 - 10
        assert till_documents.overdue(shop.spool.engine, now=shop.spool.clock()) == []
        clock.now += 20
        assert [one.number for one in till_documents.overdue(shop.spool.engine, now=shop.spool.clock())] == [23]


def _at(clock: Clock) -> object:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(clock(), UTC)


# ---- the numbering ----


def test_the_numbering_tells_pairs_voids_of_booked_numbers_and_what_is_overdue(tmp_path: Path, erp_url: str) -> None:
    twice, exchanged, voided, late = sale(34), contingency(35), sale(36), contingency(37)
    with open_shop(tmp_path, erp_url) as shop:
        shop.accept(twice, exchanged, voided, late)
        drain(shop)
        shop.accept(again(twice), again(exchanged), number_void(36, 36))
        drain(shop)
        page = _numbering(shop)
        told = [(one.number, len(one.keys)) for one in page.two_keys]
        assert (told, page.void_booked, page.overdue) == ([(34, 2), (35, 2)], [36], [35, 37])
        quarantine(shop, tmp_path).reverse_booked(6, BOSS, reason="conferido")
        shop.accept(cancellation(twice), cancellation(voided), msgspec.structs.replace(late, protocol=protocol(37)))
        drain(shop)
        drain(shop)
        page = _numbering(shop)
        assert (page.two_keys, page.void_booked, page.overdue) == ([], [], [])


def _numbering(shop: Shop) -> NumbersPage:
    key = SeriesKey(ISSUER, "65", 1)
    return numbers(shop.engine, NumbersQuery(key), now=shop.clock())
