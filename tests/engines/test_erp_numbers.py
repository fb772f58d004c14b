"""One number, one sale; voids and sales: on each engine, as the ERP's own tables then tell it."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from sqlalchemy import select, text

from malote.erp.factory import open_erp
from malote.erp.protocol import Erp, Result
from malote.erp.tables import cancellation as cancellation_table
from malote.erp.tables import posting_key
from malote.fiscal.documents import Answer, Document
from tests.engines.erp_numbers_support import again, mended, one, revenue
from tests.engines.erp_support import Tables, post
from tests.engines.sales import ISSUER, cancellation, contingency, number_void, posting, protocol, sale

pytest_plugins = ["tests.engines.erp_fixtures"]


def test_an_authorised_second_key_is_told_and_not_booked_until_ordered(erp: Erp, tables: Tables) -> None:
    offline = contingency(30)
    authorised = again(offline)
    assert one(erp, offline, 1) is Result.POSTED
    told = erp.post([posting(authorised, 2)])[0]
    assert (told.result, told.facts) == (
        Result.SUPERSEDES,
        {"other": offline.access_key, "series": "1", "number": "30", "same": "yes"},
    )
    assert revenue(tables) == [(offline.access_key, offline.totals.total)]
    assert tables.stock() == {"1001": Decimal(-2)}

    assert erp.supersede(posting(authorised, 2)).result is Result.POSTED
    assert revenue(tables) == [(authorised.access_key, offline.totals.total)]
    assert tables.stock() == {"1001": Decimal(-2)}
    taken_back = tables.ask(select(cancellation_table.c.access_key, cancellation_table.c.event))
    assert taken_back == [(offline.access_key, "reversal")]
    reversal = select(posting_key.c.document_id).where(posting_key.c.identity == f"reverse:{offline.access_key}")
    assert tables.ask(reversal) == [(2,)]

    before = tables.counts()
    assert erp.supersede(posting(authorised, 2)).result is Result.POSTED  # once more, after a crash say
    assert one(erp, authorised, 2) is Result.POSTED
    assert one(erp, offline, 1) is Result.SUPERSEDED
    assert (tables.counts(), tables.stock()) == (before, {"1001": Decimal(-2)})


def test_the_other_order_books_the_authorised_one_alone(erp: Erp, tables: Tables) -> None:
    offline = contingency(31)
    authorised = again(offline)
    assert one(erp, authorised, 1) is Result.POSTED
    assert one(erp, offline, 2) is Result.SUPERSEDED
    assert revenue(tables) == [(authorised.access_key, authorised.totals.total)]
    assert tables.stock() == {"1001": Decimal(-2)}


def test_of_one_batch_the_authorised_one_is_booked(erp: Erp, tables: Tables) -> None:
    offline = contingency(32)
    authorised = again(offline)
    assert post(erp, offline, authorised) == [Result.SUPERSEDED, Result.POSTED]
    assert revenue(tables) == [(authorised.access_key, authorised.totals.total)]


def test_two_unauthorised_keys_wait_for_the_authority(erp: Erp, tables: Tables) -> None:
    offline = contingency(33)
    second = again(offline, authorised=False)
    assert one(erp, offline, 1) is Result.POSTED
    assert one(erp, second, 2) is Result.CONTESTED
    assert one(erp, msgspec.structs.replace(offline, protocol=protocol(33)), 3) is Result.PROTOCOL_ADDED
    assert one(erp, second, 2) is Result.SUPERSEDED
    assert revenue(tables) == [(offline.access_key, offline.totals.total)]


def test_two_authorised_keys_both_stand_and_it_is_said_each_time(erp: Erp, tables: Tables) -> None:
    first = sale(34)
    second = again(first)
    assert one(erp, first, 1) is Result.POSTED
    assert one(erp, second, 2) is Result.TWICE
    assert one(erp, second, 2) is Result.TWICE  # its answer was lost
    assert one(erp, second, 3) is Result.DUPLICATE
    assert len(revenue(tables)) == 2
    assert tables.stock() == {"1001": Decimal(-4)}
    assert one(erp, cancellation(second), 4) is Result.POSTED
    assert revenue(tables) == [(first.access_key, first.totals.total)]


def test_numbers_of_other_models_series_and_issuers_are_others(erp: Erp) -> None:
    made = sale(35)
    of_55 = made.access_key[:20] + "55" + made.access_key[22:]
    nfe = msgspec.structs.replace(made, model="55", access_key=of_55)
    other_issuer = sale(35, issuer="99888777000166")
    assert post(erp, made, nfe, sale(35, series=2), other_issuer) == [Result.POSTED] * 4
    assert one(erp, again(nfe), 9) is Result.TWICE


def test_a_sat_counts_its_own_coupons(erp: Erp) -> None:
    made = sale(36)
    key = made.access_key[:20] + "59" + made.access_key[22:]
    coupon = msgspec.structs.replace(made, model="59", access_key=key)
    assert post(erp, coupon, again(coupon)) == [Result.POSTED, Result.POSTED]


def test_what_was_booked_before_there_was_a_guard_is_guarded(erp: Erp, erp_url: str, tables: Tables) -> None:
    offline = contingency(37)
    assert one(erp, offline, 1) is Result.POSTED
    tables.run("DELETE FROM posting_key WHERE identity LIKE 'number:%' OR identity LIKE 'guard:%'")
    later = open_erp(erp_url, lock_timeout_seconds=5)
    assert one(later, again(offline), 2) is Result.SUPERSEDES
    later.close()


def test_a_reversed_sale_that_is_authorised_after_all_is_told_and_can_be_booked_again(erp: Erp, tables: Tables) -> None:
    offline = contingency(38)
    authorised = again(offline)
    post(erp, offline)
    erp.supersede(posting(authorised, 2))
    late = msgspec.structs.replace(offline, protocol=protocol(38))
    assert one(erp, late, 3) is Result.REVERSED
    assert len(revenue(tables)) == 1
    assert erp.supersede(posting(late, 3)).result is Result.TWICE
    assert len(revenue(tables)) == 2
    assert tables.stock() == {"1001": Decimal(-4)}
    # A real cancellation still counts, and gives the goods back once.
    assert one(erp, cancellation(late), 4) is Result.POSTED
    assert (revenue(tables), tables.stock()) == (
        [(authorised.access_key, authorised.totals.total)],
        {"1001": Decimal(-2)},
    )


def test_an_answer_that_authorises_a_reversed_sale_is_told_and_brings_it_back_when_ordered(
    erp: Erp, tables: Tables
) -> None:
    offline = contingency(39)
    post(erp, offline)
    erp.supersede(posting(again(offline), 2))
    said = Answer(offline.access_key, 100, protocol(39), protocol(39).at, 1)
    assert one(erp, said, 3) is Result.REVERSED
    assert (len(revenue(tables)), tables.protocol_of(offline.access_key)[1]) == (1, None)
    for _ in range(2):
        erp.supersede(posting(said, 3))
        assert (len(revenue(tables)), tables.protocol_of(offline.access_key)[1]) == (2, 100)
        assert tables.stock() == {"1001": Decimal(-4)}


def test_the_authoritys_cancellation_takes_the_place_of_a_reversal(erp: Erp, tables: Tables) -> None:
    offline = contingency(41)
    authorised, late = again(offline), msgspec.structs.replace(offline, protocol=protocol(41))
    post(erp, offline)
    erp.supersede(posting(authorised, 2))
    cancelled = cancellation(offline)
    assert [one(erp, cancelled, 3) for _ in range(2)] == [Result.POSTED] * 2
    told = tables.ask(select(cancellation_table.c.access_key, cancellation_table.c.event))
    assert told == [(offline.access_key, cancelled.event)]
    assert erp.departures([posting(cancelled, 3)], {offline.access_key}) == {}
    # What is cancelled nobody brings back: its protocol is added, and that is all.
    assert erp.supersede(posting(late, 4)).result is Result.PROTOCOL_ADDED
    assert tables.protocol_of(offline.access_key)[1] == 100
    assert revenue(tables) == [(authorised.access_key, authorised.totals.total)]
    assert tables.stock() == {"1001": Decimal(-2)}
    assert set(erp.ledger([f"cancel:{offline.access_key}", f"reverse:{offline.access_key}"])) == {
        f"cancel:{offline.access_key}"
    }


def test_a_sale_that_is_cancelled_already_is_not_taken_back_as_well(erp: Erp, tables: Tables) -> None:
    offline = contingency(42)
    post(erp, offline, cancellation(offline))
    denied = Answer(offline.access_key, 302, None, None, 1)
    erp.supersede(posting(denied, 3))
    assert list(erp.ledger([f"reverse:{offline.access_key}"])) == []
    late = msgspec.structs.replace(offline, protocol=protocol(42))
    assert erp.supersede(posting(late, 4)).result is Result.PROTOCOL_ADDED
    assert (revenue(tables), tables.stock()) == ([], {"1001": Decimal(0)})


@pytest.mark.parametrize("form", ["note", "mended", "answer"])
def test_a_denied_sale_that_was_taken_back_is_told_when_it_is_authorised(erp: Erp, tables: Tables, form: str) -> None:
    """Its number is nobody else's."""
    offline = contingency(43)
    late: Document = msgspec.structs.replace(offline, protocol=protocol(43))
    if form == "mended":
        late = mended(offline)
    if form == "answer":
        late = Answer(offline.access_key, 100, protocol(43), protocol(43).at, 1)
    post(erp, offline)
    assert erp.supersede(posting(Answer(offline.access_key, 302, None, None, 1), 2)).result is not Result.REFUSED
    assert one(erp, late, 3) is Result.REVERSED
    assert (revenue(tables), tables.protocol_of(offline.access_key)[1]) == ([], None)
    erp.supersede(posting(late, 3))
    assert (len(revenue(tables)), tables.protocol_of(offline.access_key)[1]) == (1, 100)
    assert tables.stock() == {"1001": Decimal(-2)}


# ---- voids ----


@pytest.mark.parametrize("void", [number_void(40, 40), number_void(39, 45)], ids=["one", "range"])
def test_a_void_settles_the_note_that_waits_in_either_order(erp: Erp, void: Any) -> None:
    waiting = sale(40, authorised=False)
    assert one(erp, waiting, 1) is Result.NOT_AUTHORISED
    assert one(erp, void, 2) is Result.POSTED
    assert one(erp, waiting, 1) is Result.VOIDED
    assert one(erp, contingency(40), 3) is Result.VOIDED
    assert one(erp, again(sale(40)), 4) is Result.VOIDED


def test_a_void_that_was_refused_counts_for_nothing(erp: Erp) -> None:
    assert one(erp, number_void(41, 41, authorised=False), 1) is Result.NOT_AUTHORISED
    assert one(erp, contingency(41), 2) is Result.POSTED


def test_a_void_of_a_booked_offline_sale_is_told_and_takes_it_back_when_ordered(erp: Erp, tables: Tables) -> None:
    offline, authorised = contingency(42), sale(43)
    post(erp, offline, authorised)
    void = number_void(41, 44)
    told = erp.post([posting(void, 7)])[0]
    assert (told.result, told.facts["numbers"], told.facts["authorised"], told.facts["unauthorised"]) == (
        Result.VOID_OF_SALES,
        "42, 43",
        "1",
        "1",
    )
    assert len(revenue(tables)) == 2
    assert one(erp, void, 7) is Result.VOID_OF_SALES  # its answer was lost

    told = erp.supersede(posting(void, 7))
    assert (told.result, told.facts["numbers"]) == (Result.VOID_OF_SALES, "43")  # what is authorised stands
    assert revenue(tables) == [(authorised.access_key, authorised.totals.total)]
    assert tables.stock() == {"1001": Decimal(-2)}
    before = tables.counts()
    erp.supersede(posting(void, 7))
    assert (tables.counts(), tables.stock()) == (before, {"1001": Decimal(-2)})
    assert one(erp, offline, 1) is Result.SUPERSEDED
    assert one(erp, cancellation(authorised), 8) is Result.POSTED
    assert one(erp, void, 7) is Result.POSTED


def test_a_void_of_more_than_any_authority_voids_is_refused(erp: Erp, tables: Tables) -> None:
    from malote.erp.protocol import ErpError

    with pytest.raises(ErpError) as refused:
        post(erp, number_void(1, 10_001))
    assert (refused.value.code, refused.value.transient) == ("void_too_wide", False)
    assert tables.counts()["number_void"] == 0
    assert tables.ask(text(f"SELECT count(*) FROM posting_key WHERE identity LIKE 'number:{ISSUER}%'")) == [(0,)]
