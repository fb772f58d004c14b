"""A sale that the ERP can't cope with, and doesn't refuse: it holds back itself alone."""

from collections.abc import Iterable, Sequence
from contextlib import closing

import pytest

from malote import rejection
from malote.config import PostingSettings
from malote.erp.protocol import Erp, ErpError, Outcome, Posting
from malote.fiscal.documents import identity
from malote.posting.poster import Poster
from tests.engines.posting_support import Shop, advance, passing
from tests.engines.sales import sale
from tests.engines.spool_support import Clock

pytest_plugins = ["tests.engines.posting_fixtures"]

SOLD = 200


def find_out(shop: Shop, poster: Poster, clock: Clock) -> None:
    """As long as it takes, in steps of a few seconds."""
    for _ in range(3):
        advance(shop, poster, clock)


def keys(numbers: Iterable[int]) -> set[str]:
    return {identity(sale(number)) for number in numbers}


class Killed(BaseException):
    """The process ends here."""


class Stumbling:
    """An ERP that fails over everything in which some sales are."""

    def __init__(self, shop: Shop, code: str, *numbers: int) -> None:
        self._code, self._keys = code, keys(numbers)
        self.met_among: list[int] = []
        self._dies = False
        self.poster = shop.poster(erp=lambda: passing(shop.erp(), self._post), settings=PostingSettings(batch=100))

    def mend(self) -> None:
        self._keys = set()

    def die_over_it(self) -> None:
        self._dies = True

    def _post(self, erp: Erp, batch: Sequence[Posting]) -> list[Outcome]:
        if self._keys & {identity(posting.document) for posting in batch}:
            if self._dies:
                raise Killed
            self.met_among.append(len(batch))
            raise ErpError(self._code, detail="pg_sleep")
        return erp.post(batch)


@pytest.mark.parametrize("code", ["erp_slow", "erp_conflict", "erp_privilege"])
def test_a_sale_that_the_erp_fails_over_is_found_and_tried_by_itself(
    posting_shop: Shop, posting_clock: Clock, code: str
) -> None:
    erp = Stumbling(posting_shop, code, 100)
    posting_shop.accept(*(sale(number) for number in range(1, SOLD + 1)))
    find_out(posting_shop, erp.poster, posting_clock)
    assert posting_shop.counted() == {"posted": SOLD - 1, "waiting": 1}
    assert posting_shop.reasons() == ["erp_fails_over_one"]
    [facts] = [one.reason.facts for one in posting_shop.documents() if one.reason]
    assert facts["detail"] == "pg_sleep"
    assert rejection.cause("erp_fails_over_one", facts, "en").endswith("pg_sleep.")

    # Others come and go while it waits, and it costs them nothing: it is tried a few times an hour.
    tries = len(erp.met_among)
    for number in range(SOLD + 1, SOLD + 61):
        posting_clock.now += 60
        posting_shop.accept(sale(number))
        erp.poster.step()
        assert posting_shop.states()[sale(number).access_key] == "posted"
    assert 1 <= len(erp.met_among) - tries <= 8

    erp.mend()
    posting_clock.now += 3600
    erp.poster.step()
    assert posting_shop.counted() == {"posted": SOLD + 60}
    erp.poster.close()


def test_it_is_known_as_alone_too_where_sales_come_one_by_one(posting_shop: Shop, posting_clock: Clock) -> None:
    erp = Stumbling(posting_shop, "erp_slow", 1)
    posting_shop.accept(sale(1))
    erp.poster.step()
    for number in range(2, 30):
        posting_clock.now += 0.1  # its own turn comes later
        posting_shop.accept(sale(number))
        erp.poster.step()
        posting_clock.now += 10
        erp.poster.step()
    assert posting_shop.reasons() == ["erp_fails_over_one"]
    assert len(erp.met_among) <= 10
    erp.poster.close()


def test_while_the_culprit_is_looked_for_new_sales_are_booked(posting_shop: Shop, posting_clock: Clock) -> None:
    erp = Stumbling(posting_shop, "erp_slow", 3, 7)
    posting_shop.accept(*(sale(number) for number in range(1, 11)))
    assert erp.poster.step() == 10
    assert posting_shop.counted() == {"waiting": 10}
    for number in range(11, 15):
        posting_clock.now += 6
        posting_shop.accept(sale(number))
        tries = len(erp.met_among)
        erp.poster.step()
        assert posting_shop.states()[sale(number).access_key] == "posted"
        assert len(erp.met_among) <= tries + 1, "a step costs one time-out at most"
    find_out(posting_shop, erp.poster, posting_clock)
    assert posting_shop.counted() == {"posted": 12, "waiting": 2}
    erp.poster.close()


def test_where_nothing_passes_it_is_the_erps_hour_and_all_goes_on_once_it_is_over(
    posting_shop: Shop, posting_clock: Clock
) -> None:
    erp = Stumbling(posting_shop, "erp_slow", *range(1, SOLD + 1))
    posting_shop.accept(*(sale(number) for number in range(1, SOLD + 1)))
    for _ in range(8):
        posting_clock.now += 6
        erp.poster.step()
    assert set(posting_shop.reasons()) == {"erp_slow"}
    erp.mend()
    posting_clock.now += 6
    while erp.poster.step():
        pass
    assert posting_shop.counted() == {"posted": SOLD}
    erp.poster.close()


def test_another_poster_goes_on_from_what_is_known(posting_shop: Shop, posting_clock: Clock) -> None:
    first = Stumbling(posting_shop, "erp_slow", 5)
    posting_shop.accept(*(sale(number) for number in range(1, 31)))
    first.poster.step()
    first.poster.close()
    second = Stumbling(posting_shop, "erp_slow", 5)
    find_out(posting_shop, second.poster, posting_clock)
    assert posting_shop.counted() == {"posted": 29, "waiting": 1}
    assert max(second.met_among) <= 10, "the other thirty are not tried together again"
    second.poster.close()


def test_a_poster_that_dies_over_a_suspect_has_lost_and_doubled_nothing_of_the_others(
    posting_shop: Shop, posting_clock: Clock
) -> None:
    first = Stumbling(posting_shop, "erp_slow", 5)
    posting_shop.accept(*(sale(number) for number in range(1, 6)))
    first.poster.step()
    posting_clock.now += 6
    posting_shop.accept(*(sale(number) for number in range(6, 11)))
    first.die_over_it()  # the new ones and some suspects are in the ERP by then, and not settled
    with pytest.raises(Killed):
        first.poster.step()
    first.poster.close()
    with closing(posting_shop.erp()) as erp:
        assert {one.access_key for one in erp.booked()} == keys(range(1, 11)) - keys([4, 5])
    posting_clock.now += 61  # its lease runs out
    second = Stumbling(posting_shop, "erp_slow", 5)
    find_out(posting_shop, second.poster, posting_clock)
    second.poster.close()
    assert posting_shop.counted() == {"posted": 9, "waiting": 1}
    with closing(posting_shop.erp()) as erp:
        booked = [one.access_key for one in erp.booked()]
    assert len(booked) == 9
    assert set(booked) == keys(range(1, 11)) - keys([5])
