"""Whose fault a refusal is: told by whether others of the same kind pass, on real databases."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from malote import rejection
from malote.cli.rejected import entry_of
from malote.erp.protocol import Erp, Outcome, Posting
from malote.fiscal.documents import Sale
from malote.posting.joiner import Joiner
from malote.posting.poster import Poster
from malote.posting.retry_after_update import look_again, try_one
from malote.spool.documents import LeasedDocument
from tests.engines.erp_support import Tables
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.posting_support import Passing, Shop, open_shop
from tests.engines.sales import item, sale, supermarket
from tests.engines.spool_support import Clock

pytestmark = pytest.mark.postgresql

CLOSED = """
CREATE FUNCTION closed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.issued_at >= '{day}' THEN RAISE EXCEPTION 'período fechado: %', 42; END IF; RETURN NEW; END $$;
"""
UNKNOWN = """
CREATE FUNCTION unknown() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.product_code LIKE '666%' THEN
    RAISE EXCEPTION 'produto sem cadastro: % (cliente 529.982.247-25)', NEW.product_code; END IF; RETURN NEW; END $$;
"""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shop(tmp_path: Path, clock: Clock) -> Iterator[Shop]:
    url = fresh_postgresql_url()
    with open_shop(tmp_path, url, clock) as opened:
        erp = opened.erp()
        erp.create_structure()
        erp.close()
        yield opened
    discard_postgresql(url)


@pytest.fixture
def poster(shop: Shop) -> Iterator[Poster]:
    made = shop.poster()
    yield made
    made.close()


@pytest.fixture
def tables(shop: Shop) -> Iterator[Tables]:
    opened = Tables(shop.erp_url)
    yield opened
    opened.engine.dispose()


def on_day(number: int, days: int) -> Sale:
    one = sale(number)
    return msgspec.structs.replace(one, issued_at=one.issued_at + timedelta(days=days))


def refuse_from(tables: Tables, first: Sale) -> None:
    tables.run(
        CLOSED.format(day=first.issued_at.date().isoformat()),
        "CREATE TRIGGER closed BEFORE INSERT ON sale FOR EACH ROW EXECUTE FUNCTION closed()",
    )


def refuse_products(tables: Tables) -> None:
    tables.run(UNKNOWN, "CREATE TRIGGER known BEFORE INSERT ON sale_item FOR EACH ROW EXECUTE FUNCTION unknown()")


def bad(number: int) -> Sale:
    return sale(number, items=(item(product=f"666{number}"),))


def test_what_refuses_a_whole_day_is_the_erps_trouble_and_its_words_are_told(
    shop: Shop, poster: Poster, tables: Tables, clock: Clock
) -> None:
    refuse_from(tables, on_day(10, 1))
    shop.accept(*(sale(n) for n in range(1, 6)), *(on_day(n, 1) for n in range(10, 40)))
    poster.step()
    assert shop.counted() == {"posted": 5, "waiting": 30}
    assert shop.kept == []
    assert set(shop.reasons()) == {"erp_refuses_all"}
    [facts] = {tuple(sorted(one.reason.facts.items())) for one in shop.documents() if one.reason}
    assert dict(facts)["said"] == "período fechado: 42"
    assert dict(facts)["sqlstate"] == "P0001"
    tables.run("DROP TRIGGER closed ON sale")
    advance(shop, poster, clock)
    assert shop.counted() == {"posted": 35}


def test_a_missing_partition_keeps_the_month_waiting(shop: Shop, poster: Poster, tables: Tables, clock: Clock) -> None:
    [(definition,)] = tables.ask(PARTITIONED)
    month = sale(1).issued_at.date().replace(day=1)
    following = (month + timedelta(days=32)).replace(day=1)
    tables.run(
        "DROP TABLE sale",
        definition,
        f"CREATE TABLE sale_one PARTITION OF sale FOR VALUES FROM ('{month}') TO ('{following}')",
    )
    shop.accept(sale(1), *(on_day(n, 32) for n in range(2, 6)))
    poster.step()
    assert shop.counted() == {"posted": 1, "waiting": 4}
    assert set(shop.reasons()) == {"erp_refuses_all"}
    last = (following + timedelta(days=32)).replace(day=1)
    tables.run(f"CREATE TABLE sale_two PARTITION OF sale FOR VALUES FROM ('{following}') TO ('{last}')")
    advance(shop, poster, clock)
    assert shop.counted() == {"posted": 5}


def test_what_refuses_one_sale_is_that_sales(shop: Shop, poster: Poster, tables: Tables) -> None:
    refuse_products(tables)
    shop.accept(*supermarket(20), bad(901), bad(902))
    poster.step()
    assert shop.counted() == {"posted": 20, "rejected": 2}
    [first, second] = [one.reason for one in shop.documents() if one.reason]
    assert (first.code, first.facts["said"]) == ("erp_refused", "produto sem cadastro: 666901 (cliente ***)")
    assert second.facts["said"] == "produto sem cadastro: 666902 (cliente ***)"
    told = rejection.cause(first.code, first.facts, "pt")
    assert "O ERP disse: “produto sem cadastro: 666901 (cliente ***)”" in told


def test_one_alone_is_rejected_and_comes_back_when_it_turns_out_to_be_everybody(
    shop: Shop, poster: Poster, tables: Tables, clock: Clock
) -> None:
    refuse_from(tables, on_day(10, 1))
    shop.accept(on_day(10, 1))
    poster.step()
    assert shop.counted() == {"rejected": 1}
    shop.accept(on_day(11, 1))
    poster.step()
    advance(shop, poster, clock)
    assert shop.counted() == {"waiting": 2}
    tables.run("DROP TRIGGER closed ON sale")
    advance(shop, poster, clock)
    assert shop.counted() == {"posted": 2}


def test_two_bad_ones_wait_until_a_good_one_speaks_against_them(
    shop: Shop, poster: Poster, tables: Tables, clock: Clock
) -> None:
    refuse_products(tables)
    shop.accept(bad(901), bad(902))
    poster.step()
    assert shop.counted() == {"waiting": 2}
    shop.accept(sale(1))
    advance(shop, poster, clock)
    assert shop.counted() == {"posted": 1, "rejected": 2}


def test_while_everything_is_refused_one_is_tried_and_not_a_thousand(
    shop: Shop, poster: Poster, tables: Tables, clock: Clock
) -> None:
    attempts: list[int] = []

    def counted(erp: Erp, batch: Sequence[Posting]) -> list[Outcome]:
        attempts.append(len(batch))
        return erp.post(batch)

    refuse_from(tables, on_day(10, 1))
    other = shop.poster(erp=lambda: Passing(shop.erp(), counted))
    shop.accept(*(on_day(n, 1) for n in range(10, 90)))
    other.step()
    attempts.clear()
    for _ in range(5):
        clock.now += 60
        other.step()
    assert attempts == [1] * 5
    # The first good one of another day is not held up by any of it.
    shop.accept(sale(1))
    other.step()
    assert shop.counted() == {"posted": 1, "waiting": 80}
    other.close()


def test_a_document_that_breaks_the_program_three_times_alone_is_put_aside_with_its_incident(
    shop: Shop, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold = supermarket(60)
    breaking = True

    def stumble(erp: Erp, batch: Sequence[Posting]) -> list[Outcome]:
        keys = {p.document.access_key for p in batch if isinstance(p.document, Sale)}
        if breaking and sold[30].access_key in keys:
            raise ZeroDivisionError("52998224725")
        return erp.post(batch)

    poster = shop.poster(erp=lambda: Passing(shop.erp(), stumble))
    shop.accept(*sold)
    poster.step()
    # Its batch mates went at once.
    assert shop.counted() == {"posted": 59, "waiting": 1}
    assert shop.reasons() == ["server_failed"]
    for _ in range(2):
        clock.now += 60
        poster.step()
    assert shop.counted() == {"posted": 59, "rejected": 1}
    [reason] = [one.reason for one in shop.documents() if one.reason]
    assert reason.code == "document_breaks_program"
    assert len(reason.facts["incident"]) == 8
    assert reason.facts["incident"] in rejection.cause(reason.code, reason.facts, "pt")
    assert "52998224725" not in str(reason)
    assert len(shop.kept) == 1
    # The same version leaves it alone; another one tries it again.
    assert look_again(shop.engine, clock.now) == 0
    monkeypatch.setattr("malote.posting.retry_after_update.__version__", "99")
    breaking = False
    assert look_again(shop.engine, clock.now) == 1
    poster.drain()
    poster.close()
    assert shop.counted() == {"posted": 60}


@pytest.mark.parametrize("beside", [True, False], ids=["beside sound ones", "before sound ones of another day"])
def test_several_documents_that_break_the_program_are_put_aside_each(shop: Shop, clock: Clock, beside: bool) -> None:
    """Once their mates are booked they meet nobody who passes, and waited for ever, each for the other's sake."""
    broken = {sale(number).access_key for number in (2, 3)}

    def stumble(erp: Erp, batch: Sequence[Posting]) -> list[Outcome]:
        if any(p.document.access_key in broken for p in batch if isinstance(p.document, Sale)):
            raise ZeroDivisionError
        return erp.post(batch)

    poster = shop.poster(erp=lambda: Passing(shop.erp(), stumble))
    shop.accept(*(sale(number) for number in ((1, 2, 3, 4) if beside else (2, 3))))
    advance(shop, poster, clock)
    if not beside:
        assert shop.counted() == {"waiting": 2}
        shop.accept(on_day(9, 1))
        advance(shop, poster, clock)
    poster.close()
    assert shop.counted() == {"posted": 2 if beside else 1, "rejected": 2}


def test_a_fault_that_every_document_meets_puts_none_aside(shop: Shop, clock: Clock) -> None:
    broken = True

    def stumble(erp: Erp, batch: Sequence[Posting]) -> list[Outcome]:
        if broken:
            raise ZeroDivisionError
        return erp.post(batch)

    poster = shop.poster(erp=lambda: Passing(shop.erp(), stumble))
    shop.accept(*supermarket(10))
    for _ in range(6):
        poster.step()
        clock.now += 120
    assert shop.counted() == {"waiting": 10}
    assert set(shop.reasons()) == {"server_failed"}
    broken = False
    advance(shop, poster, clock)
    poster.close()
    assert shop.counted() == {"posted": 10}


@pytest.mark.parametrize("count", [1, 2, 5])
def test_documents_that_break_the_program_come_to_an_end_with_nobody_else_there(
    shop: Shop, clock: Clock, count: int
) -> None:
    attempts: list[int] = []
    broken = True

    def stumble(erp: Erp, batch: Sequence[Posting]) -> list[Outcome]:
        if broken:
            attempts.append(len(batch))
            raise (MemoryError, SystemExit, ZeroDivisionError)[count % 3]
        return erp.post(batch)

    poster = shop.poster(erp=lambda: Passing(shop.erp(), stumble))
    shop.accept(*(on_day(number, number) for number in range(count)))
    for _ in range(5):
        advance(shop, poster, clock)
    poster.close()
    assert shop.counted() == {"rejected": count}
    assert len(attempts) < 40
    [code] = set(shop.reasons())
    assert code == ("document_breaks_program" if count == 1 else "program_fails_over_kind")
    for reason in (one.reason for one in shop.documents()):
        assert reason is not None
        assert reason.facts["incident"] in rejection.cause(code, reason.facts, "pt")
    # Nobody knew whose fault it was: one is tried now and then, and all of them at the next start.
    assert try_one(shop.engine, clock.now) == (0 if count == 1 else 1)
    broken = False
    again = shop.poster()
    again.drain()
    assert shop.counted().get("posted", 0) == (0 if count == 1 else 1)
    assert look_again(shop.engine, clock.now) == (0 if count == 1 else count - 1)
    again.drain()
    again.close()
    assert shop.counted() == ({"rejected": 1} if count == 1 else {"posted": count})


def test_what_was_put_aside_comes_back_once_another_of_its_kind_passes(shop: Shop, clock: Clock) -> None:
    broken = {sale(number).access_key for number in (1, 2, 3)}

    def stumble(erp: Erp, batch: Sequence[Posting]) -> list[Outcome]:
        if any(p.document.access_key in broken for p in batch if isinstance(p.document, Sale)):
            raise ZeroDivisionError
        return erp.post(batch)

    poster = shop.poster(erp=lambda: Passing(shop.erp(), stumble))
    shop.accept(*(sale(number) for number in (1, 2, 3)))
    for _ in range(5):
        advance(shop, poster, clock)
    assert (shop.counted(), set(shop.reasons())) == ({"rejected": 3}, {"program_fails_over_kind"})
    broken.pop()
    shop.accept(on_day(9, 9))
    advance(shop, poster, clock)
    poster.close()
    assert shop.counted() == {"posted": 2, "rejected": 2}
    assert set(shop.reasons()) == {"document_breaks_program"}


def test_a_fault_outside_the_booking_is_counted_against_the_one_document_too(
    shop: Shop, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that its joining, or what becomes of it, brings about; the poster goes on, whatever is raised."""
    joined = Joiner.join

    def join(self: Joiner, held: Sequence[LeasedDocument]) -> object:
        if any(isinstance(one.document, Sale) and one.document.number == 3 for one in held):
            raise GeneratorExit
        return joined(self, held)

    monkeypatch.setattr(Joiner, "join", join)
    poster = shop.poster()
    shop.accept(*(sale(number) for number in range(1, 6)))
    for _ in range(60):
        clock.now += 2
        poster._round()
    poster.close()
    assert shop.counted() == {"posted": 4, "rejected": 1}
    assert shop.reasons() == ["document_breaks_program"]


def advance(shop: Shop, poster: Poster, clock: Clock) -> None:
    """As much later as every pause takes, a few times."""
    for _ in range(6):
        clock.now += 120
        while poster.step():
            pass


PARTITIONED = text(
    "SELECT 'CREATE TABLE sale (' || string_agg(format('%I %s%s', attname, format_type(atttypid, atttypmod),"
    " CASE WHEN attname = 'posted_at' THEN ' DEFAULT now()' ELSE '' END), ', ' ORDER BY attnum)"
    " || ') PARTITION BY RANGE (issued_at)' FROM pg_attribute"
    " WHERE attrelid = 'sale'::regclass AND attnum > 0"
)


def test_the_words_are_in_json_under_their_own_name(shop: Shop, poster: Poster, tables: Tables) -> None:
    refuse_products(tables)
    shop.accept(sale(1), bad(901))
    poster.step()
    [rejected] = [one for one in shop.documents() if one.state == "rejected"]
    listed = msgspec.to_builtins(entry_of(rejected, None, "pt"))
    assert listed["facts"]["said"] == "produto sem cadastro: 666901 (cliente ***)"
    assert listed["facts"]["sqlstate"] == "P0001"
    assert listed["facts"]["table"] == "sale_item"
