"""The ledger's rows of numbers are compared as the sales are: whoever takes one away books no sale twice unnoticed."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update

from malote.accounts.audit import Actor
from malote.books.rebooking import outside_only, plan_known, rebook
from malote.books.reconciling import Books, ReconcileQuery, reconcile
from malote.business_day import BusinessCalendar
from malote.database.engine import reading
from malote.database.erp_tables import erp_difference
from malote.database.tables import document
from malote.erp import numbers
from malote.erp.factory import open_erp
from malote.erp.protocol import Erp, Result
from malote.erp.tables import posting_key
from malote.reconciliation import erp_memory, erp_rounds
from malote.spool import number_rivals
from tests.engines import mariadb_support as mercadinho
from tests.engines.erp_numbers_support import again, revenue
from tests.engines.erp_support import Tables
from tests.engines.mariadb_sales import DAY
from tests.engines.month_support import loosen
from tests.engines.posting_support import Shop, open_shop
from tests.engines.sales import ISSUER, contingency, number_void, posting, sale
from tests.engines.spool_support import Clock
from tests.engines.test_books_rounds import minutes, no_walk  # noqa: F401 - a fixture
from tests.engines.test_spool_plans import plan_of

pytest_plugins = ["tests.engines.erp_fixtures", "tests.engines.spool_fixtures", "tests.engines.mariadb_fixtures"]

ANA = Actor("ana")
LOOK = 0.4  # minutes: one look goes round in so small a shop
NOBODYS = numbers.mark("35261299999999999999650010000000019123456780")  # of a key that was never booked
Change = Callable[[Tables, str], None]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shop(tmp_path: Path, erp_url: str, tables: Tables, clock: Clock) -> Iterator[Shop]:
    with open_shop(tmp_path, erp_url, clock) as opened:
        yield opened


def number_of(key: str) -> str:
    return numbers.identity_of(key) or ""


def lose(tables: Tables, identity: str) -> None:
    tables.run(f"DELETE FROM posting_key WHERE identity = '{identity}'")


def change(tables: Tables, identity: str, mark: bytes) -> None:
    with tables.engine.begin() as connection:
        statement = update(posting_key).where(posting_key.c.identity == identity).values(content_hash=mark)
        connection.execute(statement)


def rows(tables: Tables) -> dict[str, bytes]:
    query = select(posting_key.c.identity, posting_key.c.content_hash).where(posting_key.c.identity.like("number:%"))
    return {identity: bytes(mark) for identity, mark in tables.ask(query)}


def noted(shop: Shop) -> list[tuple[str, str, str]]:
    """By the looks, whoever asks."""
    columns = (erp_difference.c.what, document.c.access_key, document.c.kind, erp_difference.c.fields)
    with reading(shop.engine) as connection:
        rows = connection.execute(select(*columns).join_from(erp_difference, document)).all()
    return sorted((row.what, row.access_key or row.kind, row.fields) for row in rows)


def drain(shop: Shop) -> None:
    with closing(shop.poster()) as poster:
        poster.drain()


def booked_again(shop: Shop, erp: Callable[[], Erp] | None = None) -> int:
    with closing((erp or shop.erp)()) as opened:
        planned = plan_known(Books(shop.engine, opened, BusinessCalendar()), shop.clock())
    ordered = rebook(shop.engine, planned, ANA, shop.clock())
    with closing(shop.poster(erp=erp)) as poster:
        poster.drain()
    return ordered


def found(shop: Shop) -> list[tuple[str, str, str]]:
    with closing(shop.erp()) as erp:
        report = reconcile(Books(shop.engine, erp, BusinessCalendar()), ReconcileQuery(), shop.clock())
    return [(one.what, one.access_key or one.kind, one.fields) for one in report.differences]


@pytest.mark.usefixtures("no_walk")
def test_a_number_that_is_guarded_no_more_is_found_by_the_rounds_and_written_again(
    shop: Shop, tables: Tables, clock: Clock
) -> None:
    void = number_void(9, 10)
    shop.accept(*(sale(n) for n in range(1, 9)), void, *(sale(n) for n in range(11, 14)))
    drain(shop)
    minutes(shop, clock, LOOK)
    assert (minutes(shop, clock, LOOK), noted(shop)) == ([], [])
    before = rows(tables)
    keys = [sale(n).access_key for n in (2, 4, 6, 8)]
    lose(tables, number_of(keys[0]))
    for key, mark in zip(keys[1:], (NOBODYS, b"\xff\xfe", b"void"), strict=True):
        change(tables, number_of(key), mark)
    lose(tables, numbers.identities_of(void)[1])
    minutes(shop, clock, LOOK)
    expected = sorted(("unguarded", one, "ledger.number") for one in [*keys, "number_void"])
    assert noted(shop) == expected
    assert sorted(found(shop)) == expected
    with closing(shop.erp()) as erp:
        planned = plan_known(Books(shop.engine, erp, BusinessCalendar()), clock.now)
    assert (len(planned.missing), outside_only(planned).missing) == (5, []), "none of them is out of the ERP"
    assert booked_again(shop) == 5
    assert rows(tables) == before
    minutes(shop, clock, LOOK)
    assert (noted(shop), found(shop)) == ([], [])
    assert tables.counts()["sale"] == 11


def test_a_second_key_of_a_number_whose_row_was_lost_is_told_at_once(shop: Shop, tables: Tables) -> None:
    shop.accept(sale(1), sale(2), contingency(3))
    drain(shop)
    for one in (sale(1), sale(2), contingency(3)):
        lose(tables, number_of(one.access_key))
    authorised, offline = again(sale(1)), again(contingency(2), authorised=False)
    later = again(contingency(3))
    shop.accept(authorised, offline, later)
    drain(shop)
    said = {one.access_key: one for one in shop.documents()}
    twice, taken, late = (said[one.access_key] for one in (authorised, offline, later))
    assert (twice.state, twice.reason and twice.reason.code) == ("posted", "number_twice")
    assert twice.reason is not None
    assert twice.reason.facts["other"] == sale(1).access_key
    assert (taken.state, taken.reason and taken.reason.code) == ("rejected", "number_taken")
    assert (late.state, late.reason and late.reason.code) == ("rejected", "number_supersedes")
    assert len(revenue(tables)) == 4
    assert found(shop) == []  # each row is its sale's again


def test_an_unreadable_row_holds_up_the_sales_of_its_number_alone_and_is_named(
    shop: Shop, tables: Tables, clock: Clock
) -> None:
    shop.accept(sale(1), sale(2))
    drain(shop)
    row, void_row = number_of(sale(1).access_key), number_of(sale(7).access_key)
    change(tables, row, b"\xff\xfe\xfd")
    tables.run(
        "INSERT INTO posting_key (identity, content_hash, till, document_id) "
        f"SELECT '{void_row}', content_hash, till, 0 FROM posting_key WHERE identity = '{row}'"
    )
    second, void = again(sale(1)), number_void(7, 8)
    shop.accept(second, sale(3), void)
    drain(shop)
    waiting = [one for one in shop.documents() if one.state == "waiting"]
    reasons = [one.reason for one in waiting if one.reason]
    assert [one.code for one in reasons] == ["erp_number_unreadable"] * 2
    assert [one.facts["row"] for one in reasons] == [row, void_row]
    assert shop.states()[sale(3).access_key] == "posted"
    assert found(shop) == [("unguarded", sale(1).access_key, "ledger.number")]
    assert booked_again(shop) == 1
    lose(tables, void_row)
    clock.now += 3600
    drain(shop)
    assert shop.counted() == {"posted": 5}
    assert shop.reasons() == ["number_twice"]
    assert found(shop) == []


def test_a_text_among_the_bytes_of_a_sqlite_ledger_is_damaged_as_other_bytes_are(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "typed.sqlite3"
    with closing(open_erp(f"sqlite:///{path}", lock_timeout_seconds=5)) as erp:
        erp.create_structure()

    def change(identity: str) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            ended = connection.execute("UPDATE posting_key SET content_hash = 'nada' WHERE identity = ?", (identity,))
            assert ended.rowcount == 1

    with open_shop(tmp_path, f"sqlite:///{path}", clock) as shop:
        shop.accept(sale(1), sale(2), sale(3))
        drain(shop)
        change(number_of(sale(1).access_key))
        change(sale(2).access_key)
        shop.accept(again(sale(1)))
        drain(shop)
        assert shop.reasons() == ["erp_number_unreadable"]
        assert found(shop) == [
            ("unguarded", sale(1).access_key, "ledger.number"),
            ("content", sale(2).access_key, "ledger.content_hash"),
        ]
        assert booked_again(shop) == 1
        assert [what for what, *_ in found(shop)] == ["content"]


def test_a_numbers_row_that_stands_twice_is_told_where_the_ledger_allows_it(shop: Shop, tables: Tables) -> None:
    void = number_void(9, 10)
    shop.accept(sale(1), sale(2), void)
    drain(shop)
    loosen(tables, "posting_key", "identity")
    for identity in (number_of(sale(1).access_key), numbers.identities_of(void)[1]):
        tables.run(f"INSERT INTO posting_key SELECT * FROM posting_key WHERE identity = '{identity}'")
    assert found(shop) == [("doubled", sale(1).access_key, "++"), ("doubled", "number_void", "++")]


def test_two_booked_sales_of_one_number_are_named_where_nobody_was_told(shop: Shop, tables: Tables) -> None:
    first, second = sale(1), again(sale(1))
    shop.accept(first)
    drain(shop)
    lose(tables, number_of(first.access_key))
    with closing(shop.erp()) as erp:  # another server over the same ERP, which knows nothing of the first
        assert erp.post([posting(second, 77)])[0].result is Result.POSTED
    told = found(shop)
    assert ("twice", first.access_key, second.access_key) in told
    assert booked_again(shop) == 0


@pytest.mark.usefixtures("mercadinho_url")
def test_a_ledger_on_mariadb_beside_an_erps_own_procedure(
    tmp_path: Path, mercadinho_url: str, open_mercadinho: Callable[..., Erp], clock: Clock
) -> None:
    def opened() -> Erp:
        return open_mercadinho(mercadinho_url)

    with open_shop(tmp_path, mercadinho_url, clock) as opened_shop:
        _on_mariadb(opened_shop, mercadinho_url, opened)


def _on_mariadb(shop: Shop, url: str, opened: Callable[[], Erp]) -> None:
    def differing() -> list[str]:
        with closing(opened()) as erp:
            erp_memory.look(shop.engine, erp, shop.clock())
        return [what for what, *_ in noted(shop)]

    shop.accept(*DAY[:6])
    with closing(shop.poster(erp=opened)) as poster:
        poster.drain()
    assert differing() == []
    lost, changed = (number_of(one.access_key) for one in DAY[1:3])
    mercadinho.run(
        url,
        f"DELETE FROM malote_chave WHERE identity = '{lost}'",
        f"UPDATE malote_chave SET content_hash = x'fffe' WHERE identity = '{changed}'",
    )
    assert differing() == ["unguarded", "unguarded"]
    assert booked_again(shop, opened) == 2
    assert differing() == []


def test_sums_of_a_program_that_knew_no_numbers_are_as_good_as_before() -> None:
    day = erp_rounds._Day(1, "2026-11-20", 2, 2, 2, [], {"a": [2, 11]})
    assert day.is_as_of({"a": [2, 11, 2, 7]})
    assert not day.is_as_of({"a": [2, 12, 2, 7]})
    assert not day.is_as_of({"a": [2, 11], "b": [1, 1]})


def test_rivals_are_looked_for_by_their_numbers(spool_engine: Engine) -> None:
    assert "document_void" in plan_of(spool_engine, number_rivals.voids_of((ISSUER, "65", 1, 7)))
    by_number = [
        line for line in plan_of(spool_engine, number_rivals.others_of([1, 2])).splitlines() if "other" in line
    ]
    assert all("document_number" in line and "SCAN" not in line for line in by_number), by_number
