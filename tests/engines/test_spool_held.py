"""Series that a person is asked about, and two agents that read one folder: no sale is lost, doubled or rejected."""

import itertools
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, text

from malote.books.numbering import NumbersQuery, SeriesKey, numbers
from malote.database.engine import reading
from malote.findings import lights as overview
from malote.findings.lights import TillsQuery
from malote.register import till_documents
from malote.spool import series_holds, wake_waiting
from malote.spool.series_holds import ASKED, AWAITED, NEVER_SENT, SHARED
from malote.tills import warnings
from malote.tills.series import assign, series_of
from malote.tills.till import Till, create_till
from tests.engines.quarantine_support import MARIA, House
from tests.unit.fiscal.notes import ISSUER, build_cancellation, build_note, build_void, key_of

pytest_plugins = ("tests.engines.quarantine_fixtures",)

OpenHouse = Callable[..., House]
HOUR = 3600.0


@pytest.fixture
def two(house: House) -> tuple[House, Till]:
    """The second till's agent reads the first one's folder."""
    return house, create_till(house.engine, "caixa2")[0]


def look(house: House, ahead: float = 0.0) -> series_holds.Looked:
    return series_holds.look(house.engine, patience=HOUR, now=house.clock() + ahead)


def go_on(house: House) -> None:
    """What the server does by itself, until nothing moves."""
    while house.post() + look(house).freed:
        pass


def why(house: House, till: str) -> list[tuple[str, str | None]]:
    found = till_documents.documents_of(house.spool.engine, till, limit=1000)
    return [(one.state, one.reason.code if one.reason else None) for one in found]


def sold_in_erp(house: House) -> list[str]:
    """The till of each sale that the ERP has."""
    with sqlite3.connect(house.settings.home_path / "erp.sqlite3") as erp:
        return [row[0] for row in erp.execute("SELECT till FROM sale ORDER BY access_key")]


def tallies(house: House) -> dict[tuple[int, str, str], int]:
    with reading(house.engine) as connection:
        rows = connection.execute(text("SELECT till_id, state, reason_code, count AS many FROM tally WHERE count <> 0"))
        return {(row.till_id, row.state, row.reason_code): row.many for row in rows}


def counted(house: House) -> dict[tuple[int, str, str], int]:
    query = "SELECT till_id, state, COALESCE(reason_code, '') AS code, COUNT(*) AS many FROM document GROUP BY 1, 2, 3"
    with reading(house.engine) as connection:
        return {(row.till_id, row.state, row.code): row.many for row in connection.execute(text(query))}


# ---- a second series ----


def test_a_second_series_waits_for_a_person_and_goes_on_by_itself(house: House) -> None:
    first, second = build_note(number=1, series=1), build_note(number=1, series=2)
    receipts = house.take(first, second)
    assert [receipt.state for receipt in receipts] == ["accepted", "accepted"]
    assert (receipts[1].documents[0].state, receipts[1].documents[0].code) == ("waiting", ASKED)
    go_on(house)
    assert why(house, "caixa1") == [("posted", None), ("waiting", ASKED)]
    assert house.in_folder() == []
    assign(house.engine, house.till, ISSUER, "65", 2)
    go_on(house)
    assert why(house, "caixa1") == [("posted", None)] * 2
    assert tallies(house) == counted(house)


def test_a_series_of_another_model_needs_nobody(house: House) -> None:
    house.take(build_note(number=1, series=1), build_note(number=1, series=1, model="55"))
    go_on(house)
    assert len(series_of(house.engine, house.till)) == 2


def test_one_till_does_not_take_what_others_will_sell_in(two: tuple[House, Till]) -> None:
    house, other = two
    house.take(*(build_note(number=1, series=series) for series in range(30, 40)))
    receipts = house.take(build_note(number=7, series=33), till=other)
    assert (receipts[0].state, receipts[0].documents[0].code) == ("accepted", None)
    go_on(house)
    assert why(house, "caixa2") == [("posted", None)]


def test_the_cure_on_the_documents_page_frees_all_of_the_series(house: House) -> None:
    house.take(build_note(number=1, series=1), *(build_note(number=number, series=2) for number in range(1, 4)))
    waiting = till_documents.documents_of(house.spool.engine, "caixa1", "waiting")
    assert len(waiting) == 3
    assert [one.kind for one in house.quarantine.cures(waiting[0].id)] == ["assign_series"]
    house.quarantine.assign_series(waiting[0].id, MARIA)
    assert house.post() == 4
    assert [one[0] for one in why(house, "caixa1")] == ["posted"] * 4
    assert house.audited("series_assigned")[0].actor == "maria"


def test_a_series_given_to_another_till_turns_to_that_tills_documents(two: tuple[House, Till]) -> None:
    house, other = two
    house.take(build_note(number=1, series=1), build_note(number=1, series=2))
    assign(house.engine, other, ISSUER, "65", 2)
    go_on(house)
    assert why(house, "caixa1") == [("posted", None), ("waiting", AWAITED)]
    assert look(house, ahead=2 * HOUR).rejected == 1
    assert why(house, "caixa1")[1] == ("rejected", NEVER_SENT)
    house.scan()
    assert len(house.in_folder()) == 1


def test_what_is_held_is_taken_by_no_poster_not_even_after_a_synchronisation(house: House) -> None:
    house.take(build_note(number=1, series=1), build_note(number=1, series=2))
    house.post()
    with house.engine.begin() as connection:
        assert wake_waiting.retry(connection, house.till.id, house.clock()) == 0
    assert house.post() == 0
    assert why(house, "caixa1")[1] == ("waiting", ASKED)


def test_any_number_of_series_where_the_settings_say_so(open_house: OpenHouse) -> None:
    house = open_house(series_per_till=0)
    house.take(*(build_note(number=1, series=series) for series in range(1, 6)))
    assert house.post() == 5


# ---- two agents on one folder ----


def copies() -> list[bytes]:
    sale = build_note(number=1, series=1)
    return [sale, build_note(number=2, series=1), build_cancellation(key_of(sale)), build_void(first=5, last=7)]


@pytest.mark.parametrize("order", list(itertools.permutations(["own", "copy", "work"])))
def test_whoever_comes_first_each_sale_is_booked_once_for_the_series_own_till(
    two: tuple[House, Till], order: tuple[str, ...]
) -> None:
    house, other = two
    assign(house.engine, house.till, ISSUER, "65", 1)
    steps: dict[str, Callable[[], Any]] = {
        "own": lambda: house.take(*copies()),
        "copy": lambda: house.take(*copies(), till=other),
        "work": lambda: go_on(house),
    }
    for step in order:
        steps[step]()
        assert "rejected" not in dict(why(house, "caixa1") + why(house, "caixa2"))
    go_on(house)
    assert {state for state, _ in why(house, "caixa1") + why(house, "caixa2")} == {"posted"}
    assert sold_in_erp(house) == ["caixa1", "caixa1"]
    assert all(one.duplicate for one in till_documents.documents_of(house.spool.engine, "caixa2"))
    assert tallies(house) == counted(house)


def test_the_copy_frees_its_till_only_when_the_erp_proves_the_sale(two: tuple[House, Till]) -> None:
    house, other = two
    (sale,) = copies()[:1]
    house.take(sale)
    (receipt,) = house.take(sale, till=other)
    assert (receipt.state, receipt.documents[0].state) == ("accepted", "waiting")
    look(house)
    (stored,) = till_documents.documents_of(house.spool.engine, "caixa2")
    assert house.spool.receipts(other.id, [bytes.fromhex(stored.file_sha256)])[0].state == "accepted"
    assert why(house, "caixa2") == [("waiting", SHARED)]
    assert stored.reason is not None
    go_on(house)
    assert house.spool.receipts(other.id, [bytes.fromhex(stored.file_sha256)])[0].state == "posted"


def test_that_two_agents_share_a_folder_is_said_with_both_names(two: tuple[House, Till]) -> None:
    house, other = two
    house.take(*copies())
    house.take(*copies(), till=other)
    assert look(house).shared == 4
    (stored, *_) = till_documents.documents_of(house.spool.engine, "caixa2")
    assert stored.reason is not None
    assert (stored.reason.facts["till"], stored.reason.facts["owner"]) == ("caixa2", "caixa1")
    go_on(house)
    assert SHARED in house.whats(stored.id), "and it stays said"
    lights = {one.name: one for one in overview.tills(house.engine, TillsQuery(), now=house.clock() + 8 * HOUR).tills}
    assert (lights["caixa2"].cause, lights["caixa2"].shared_with) == ("sharing", "caixa1"), "its sales being booked"
    assert lights["caixa1"].shared_with is None
    ended = overview.till_overview(house.engine, "caixa2", now=house.clock() + warnings.SHARED_SECONDS + 1)
    assert ended is not None
    assert (ended.cause != "sharing", ended.shared_with) == (True, None)


def test_each_series_finds_its_own_till_when_both_agents_read_both(two: tuple[House, Till]) -> None:
    """Neither till has a series yet: the first one that comes takes the first, the other one the second."""
    house, other = two
    for number in range(1, 5):
        pair = [build_note(number=number, series=1), build_note(number=number, series=2)]
        house.take(*pair)
        house.take(*pair, till=other)
        if number % 2:
            go_on(house)
    go_on(house)
    assert {state for state, _ in why(house, "caixa1") + why(house, "caixa2")} == {"posted"}
    assert series_of(house.engine, house.till) == [(ISSUER, "65", 1)]
    assert series_of(house.engine, other) == [(ISSUER, "65", 2)]
    assert sold_in_erp(house) == ["caixa1"] * 4 + ["caixa2"] * 4


def test_a_copy_is_not_a_number_sold_at_two_tills(two: tuple[House, Till]) -> None:
    house, other = two
    house.take(*copies())
    house.take(*copies(), till=other)
    go_on(house)
    key = NumbersQuery(SeriesKey(ISSUER, "65", 1))
    assert numbers(house.engine, key).shared == []


def test_other_content_under_the_same_key_is_divergent_and_never_dropped(two: tuple[House, Till]) -> None:
    house, other = two
    house.take(build_note(number=1, series=1))
    house.take(build_note(number=1, series=1, change=100), till=other)
    go_on(house)
    assert why(house, "caixa1") == [("posted", None)]
    assert why(house, "caixa2")[0][0] == "rejected"


def test_a_till_that_numbers_in_anothers_series_is_told_after_a_while(two: tuple[House, Till]) -> None:
    house, other = two
    house.take(build_note(number=1, series=1))
    house.take(build_note(number=2, series=1), till=other)
    go_on(house)
    assert why(house, "caixa2") == [("waiting", AWAITED)]
    assert look(house, ahead=HOUR / 2).rejected == 0
    assert look(house, ahead=2 * HOUR).rejected == 1
    assert why(house, "caixa2") == [("rejected", NEVER_SENT)]
    assert tallies(house) == counted(house)


def test_looking_costs_one_look_where_nothing_is_held(house: House) -> None:
    house.take(build_note(number=1))
    asked: list[str] = []
    event.listen(house.engine, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
    look(house)
    assert len([one for one in asked if one.lstrip().upper().startswith("SELECT")]) == 1
