"""The times in which nothing could be booked, as posters' signs of life tell them."""

from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine

from malote.spool import outages
from malote.spool.presence import PosterPresence
from tests.engines.posting_support import open_shop
from tests.engines.spool_support import START, Clock, sale

pytest_plugins = ("tests.engines.spool_fixtures",)
HOUR = 3600.0


def sign(engine: Engine, at: float, trouble: str = "", owner: str = "malote-1") -> None:
    PosterPresence(engine, lambda: at, owner=owner).renew(trouble)


def test_what_lies_between_two_words_of_posters_that_book(spool_engine: Engine) -> None:
    for at in (START, START + 60, START + 120):
        sign(spool_engine, at)
    assert outages.lost(spool_engine, START, START + HOUR) == 0
    # Killed, for two hours; its successor finds the ERP away for another one.
    sign(spool_engine, START + 2 * HOUR, "erp_away")
    sign(spool_engine, START + 3 * HOUR)
    sign(spool_engine, START + 3 * HOUR, owner="malote-2")
    whole = 3 * HOUR - 120
    assert outages.lost(spool_engine, START - HOUR, START + 9 * HOUR) == whole
    assert outages.lost(spool_engine, START + 2 * HOUR, START + 9 * HOUR) == HOUR, "only since it came"
    assert outages.lost(spool_engine, START + 4 * HOUR, START + 9 * HOUR) == 0


def test_a_clock_put_ahead_and_back_takes_no_patience_away_and_gives_no_more_than_it_jumped(
    spool_engine: Engine,
) -> None:
    for at in (START, START + 3 * HOUR, START + 30, START + 3 * HOUR, START + 60):
        sign(spool_engine, at)
    assert outages.lost(spool_engine, START, START + 60) == 60, "not the three hours that never were"
    assert outages.lost(spool_engine, START, START + 9 * HOUR) == 3 * HOUR


def test_a_note_without_protocol_is_not_given_up_as_a_dead_server_comes_back(
    tmp_path: Path,
) -> None:
    with open_shop(tmp_path, f"sqlite:///{tmp_path / 'erp.sqlite3'}", clock := Clock()) as shop:
        shop.accept(sale(1, authorised=False))
        sign(shop.engine, clock())
        clock.now += 31 * HOUR
        sign(shop.engine, clock())
        poster = shop.poster()
        with closing(poster):
            poster.step()
            assert shop.reasons() == ["not_authorised_yet"]
            clock.now += 25 * HOUR
            poster.step()
            assert shop.reasons() == ["never_authorised"], "the poster was at work, though nothing of that told it"
