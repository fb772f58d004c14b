"""One number, one sale, from the queue to the light: what is told, who may settle it, and what then counts."""

import threading
import time
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from malote.accounts.audit import entries
from malote.config import StoreSettings
from malote.fiscal.documents import Sale
from malote.posting.poster import Poster
from malote.quarantine.quarantine_reports import QuarantineError
from malote.register import till_documents
from malote.spool.documents import Reason
from malote.spool.history import lines_of
from tests.engines.erp_numbers_support import again, mended, revenue
from tests.engines.erp_support import Tables
from tests.engines.posting_numbers_support import BOSS, drain, light, quarantine
from tests.engines.posting_support import SETTINGS, Shop, open_shop
from tests.engines.sales import cancellation, contingency, item, number_void, protocol, sale
from tests.engines.spool_support import Clock, body_of, file_with, incoming

pytest_plugins = ["tests.engines.erp_fixtures"]
pytestmark = pytest.mark.usefixtures("tables")


def settled(shop: Shop) -> list[tuple[str, str | None]]:
    return [(one.state, one.reason.code if one.reason else None) for one in shop.documents()]


def test_a_person_confirms_the_exchange_and_one_revenue_is_left(tmp_path: Path, erp_url: str, tables: Tables) -> None:
    offline = contingency(30)
    authorised = again(offline)
    with open_shop(tmp_path, erp_url) as shop:
        shop.accept(offline)
        drain(shop)
        shop.accept(authorised)
        drain(shop)
        assert settled(shop) == [("posted", None), ("rejected", "number_supersedes")]
        assert light(shop) == ("rejected", "number_supersedes")
        assert revenue(tables) == [(offline.access_key, 700)]
        desk = quarantine(shop, tmp_path)
        assert [one.kind for one in desk.cures(2)] == ["reverse_booked"]
        with pytest.raises(QuarantineError, match="reason_needed"):
            desk.reverse_booked(2, BOSS, reason=" ")
        desk.reverse_booked(2, BOSS, reason="conferido na SEFAZ")
        drain(shop)
        assert settled(shop) == [("kept", "taken_back"), ("posted", None)]
        assert light(shop)[0] == "ok"
        assert "reversal_ordered" in {one.action for one in entries(shop.engine, on="document:2", limit=9)}
        assert "order_given" in {one.what for one in lines_of(shop.engine, 2)}
    assert revenue(tables) == [(authorised.access_key, 700)]
    assert tables.stock() == {"1001": Decimal(-2)}


@pytest.mark.parametrize("together", [False, True])
def test_the_settings_may_allow_it_where_goods_and_money_are_the_same(
    tmp_path: Path, erp_url: str, tables: Tables, together: bool
) -> None:
    itself = StoreSettings(reverse_superseded="itself")
    offline, other = contingency(30), contingency(31)
    authorised = again(offline)
    different = msgspec.structs.replace(again(sale(31, items=[item(), item(2)])), emission=9)
    with open_shop(tmp_path, erp_url) as shop:
        shop.accept(offline, other)
        if not together:
            drain(shop, itself)
        shop.accept(authorised)
        drain(shop, itself)
        shop.accept(different)
        drain(shop, itself)
        assert shop.reasons() == (["number_settled"] if together else ["taken_back"]) + ["number_supersedes"]
    assert revenue(tables) == sorted([(authorised.access_key, 700), (other.access_key, 700)])


def test_an_offline_note_whose_number_is_taken_is_told_and_kept_by_a_person(tmp_path: Path, erp_url: str) -> None:
    authorised = sale(33)
    late = again(contingency(33), authorised=False)
    with open_shop(tmp_path, erp_url) as shop:
        shop.accept(authorised)
        drain(shop)
        shop.accept(late)
        drain(shop)
        assert settled(shop)[1] == ("rejected", "number_taken")
        desk = quarantine(shop, tmp_path)
        assert [one.kind for one in desk.cures(2)] == ["keep_unbooked"]
        desk.keep_unbooked(2, BOSS, reason="mesma venda")
        assert settled(shop)[1] == ("kept", "number_settled")


def test_two_authorised_ones_are_flagged_until_one_is_cancelled_or_seen(
    tmp_path: Path, erp_url: str, tables: Tables
) -> None:
    first, other = sale(34), sale(35)
    with open_shop(tmp_path, erp_url) as shop:
        shop.accept(first, other)
        drain(shop)
        shop.accept(again(first), again(other))
        drain(shop)
        assert [one for one in settled(shop) if one[1]] == [("posted", "number_twice")] * 2
        assert light(shop) == ("flagged", "number_twice")
        assert till_documents.status(shop.spool.engine, now=shop.spool.clock())[0].flagged_reasons == {
            "number_twice": 2
        }
        shop.accept(cancellation(first))
        drain(shop)
        drain(shop)
        assert [one.number for one in shop.documents() if one.reason] == [35]
        quarantine(shop, tmp_path).mark_seen(4, BOSS, reason="as duas valem")
        assert entries(shop.spool.engine, limit=1)[0].action == "flag_seen"
        assert (shop.reasons(), light(shop)[0]) == ([], "ok")
        assert till_documents.status(shop.spool.engine, now=shop.spool.clock())[0].flagged == 0
    assert len(revenue(tables)) == 3


@pytest.mark.parametrize("first", ["note", "void"])
@pytest.mark.parametrize("void", [number_void(20, 20), number_void(18, 22)], ids=["one", "range"])
def test_a_void_settles_the_waiting_note_of_its_number(tmp_path: Path, erp_url: str, first: str, void: object) -> None:
    waiting, other = sale(20, authorised=False), sale(23)
    arriving = [waiting, void] if first == "note" else [void, waiting]
    with open_shop(tmp_path, erp_url) as shop:
        for one in [*arriving, other]:
            shop.accept(one)  # type: ignore[arg-type]
            drain(shop)
        drain(shop)
        assert shop.counted() == {"posted": 2, "kept": 1}
        assert shop.reasons() == ["number_voided"]
        assert light(shop)[0] == "ok"


def test_a_void_settles_a_note_that_was_given_up_already(tmp_path: Path, erp_url: str) -> None:
    clock = Clock()
    with open_shop(tmp_path, erp_url, clock) as shop:
        shop.accept(sale(20, authorised=False))
        drain(shop)
        clock.now += 25 * 3600
        drain(shop)
        assert shop.reasons() == ["never_authorised"]
        shop.accept(number_void(20, 20))
        drain(shop)
        drain(shop)
        assert settled(shop) == [("kept", "number_voided"), ("posted", None)]


def test_a_void_settles_a_note_that_the_authority_refused(tmp_path: Path, erp_url: str) -> None:
    with open_shop(tmp_path, erp_url) as shop:
        for number, code in ((20, "authority_has_it_not"), (21, "items_sum"), (99, "authority_has_it_not")):
            refused = incoming(sale(number, authorised=False), reason=Reason(code))
            shop.spool.accept(shop.till.id, body_of([number]), [file_with(number, refused)], received_at=shop.clock())
        shop.accept(number_void(18, 22))
        drain(shop)
        assert [(one.number, one.state) for one in shop.documents()][:3] == [
            (20, "kept"),
            (21, "rejected"),  # for a fault of its own, which a person should know
            (99, "rejected"),
        ]


def test_a_void_of_a_booked_offline_sale_asks_a_person(tmp_path: Path, erp_url: str, tables: Tables) -> None:
    offline = contingency(42)
    with open_shop(tmp_path, erp_url) as shop:
        shop.accept(offline)
        drain(shop)
        shop.accept(number_void(40, 45))
        drain(shop)
        assert settled(shop) == [("posted", None), ("posted", "void_of_booked")]
        assert light(shop) == ("flagged", "void_of_booked")
        assert len(revenue(tables)) == 1
        desk = quarantine(shop, tmp_path)
        assert [one.kind for one in desk.cures(2)] == ["reverse_booked", "mark_seen"]
        desk.reverse_booked(2, BOSS, reason="inutilizada")
        drain(shop)
        assert settled(shop) == [("kept", "taken_back"), ("posted", None)]
    assert (revenue(tables), tables.stock()) == ([], {"1001": Decimal(0)})


def test_a_void_of_an_authorised_sale_is_flagged_and_both_stand(tmp_path: Path, erp_url: str, tables: Tables) -> None:
    with open_shop(tmp_path, erp_url) as shop:
        shop.accept(sale(43))
        drain(shop)
        shop.accept(number_void(43, 43))
        drain(shop)
        assert settled(shop)[1] == ("posted", "void_of_authorised")
        assert (len(revenue(tables)), tables.counts()["number_void"]) == (1, 1)
        shop.accept(cancellation(sale(43)))
        drain(shop)
        drain(shop)
        assert (shop.reasons(), revenue(tables)) == ([], [])


def test_a_mended_sale_is_complete_and_its_history_says_what_was_mended(
    tmp_path: Path, erp_url: str, tables: Tables
) -> None:
    offline = contingency(50)
    with open_shop(tmp_path, erp_url) as shop:
        shop.accept(offline)
        drain(shop)
        shop.accept(mended(offline))
        drain(shop)
        assert shop.counted() == {"posted": 2}
        told = [one for one in lines_of(shop.engine, 2) if one.what == "mended"]
        assert [one.facts["fields"] for one in told] == ["items[1].description, items[1].ncm"]
    assert tables.protocol_of(offline.access_key)[1] == 100


def test_a_correction_of_money_replaces_the_sale_once_a_person_says_so(
    tmp_path: Path, erp_url: str, tables: Tables
) -> None:
    offline = contingency(53)
    correct = msgspec.structs.replace(contingency(53, items=(item(1, quantity="5"),)), protocol=protocol(53))
    with open_shop(tmp_path, erp_url) as shop:
        shop.accept(offline)
        drain(shop)
        shop.accept(correct)
        drain(shop)
        assert settled(shop)[1] == ("rejected", "corrected_sale")
        quarantine(shop, tmp_path).reverse_booked(2, BOSS, reason="versão autorizada")
        drain(shop)
        assert shop.counted() == {"posted": 2}
    assert (revenue(tables), tables.stock()) == ([(offline.access_key, 1750)], {"1001": Decimal(-5)})


# ---- several at once ----


def test_two_posters_at_once_book_one_of_a_number(tmp_path: Path, erp_url: str, tables: Tables) -> None:
    pairs: list[Sale] = []
    for number in range(1, 41):
        offline = contingency(number)
        pairs += [offline, again(offline)] if number % 2 else [again(offline), offline]
    with open_shop(tmp_path, erp_url, time.time) as shop:
        shop.accept(*pairs)
        small = msgspec.structs.replace(SETTINGS, batch=7)
        posters = [
            Poster(shop.spool, shop.engine, shop.erp, lambda kept: None, small, StoreSettings(), clock=shop.clock)
            for _ in range(3)
        ]
        threads = [threading.Thread(target=poster.drain) for poster in posters]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for poster in posters:
            poster.close()
        assert set(shop.counted()) <= {"posted", "rejected"}
        assert set(shop.reasons()) <= {"number_supersedes", "number_taken"}
        assert len(shop.reasons()) == 40
    assert len(revenue(tables)) == 40
    assert tables.stock() == {"1001": Decimal(-80)}
