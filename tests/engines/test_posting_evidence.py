"""Whose fault a refusal is: told by whether others of the same kind pass, on real databases."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import text

from malote import rejection
from malote.cli.rejected import entry_of
from malote.erp.protocol import Erp, Outcome, Posting
from malote.fiscal.documents import Sale
from malote.posting.poster import Poster
from tests.engines.erp_support import Tables
from tests.engines.posting_support import Passing, Shop, advance
from tests.engines.sales import item, on_day, sale, supermarket
from tests.engines.spool_support import Clock

pytestmark = pytest.mark.postgresql
pytest_plugins = ["tests.engines.posting_postgresql_fixtures"]

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
def evidence_tables(evidence_shop: Shop) -> Iterator[Tables]:
    opened = Tables(evidence_shop.erp_url)
    yield opened
    opened.engine.dispose()


def refuse_from(evidence_tables: Tables, first: Sale) -> None:
    evidence_tables.run(
        CLOSED.format(day=first.issued_at.date().isoformat()),
        "CREATE TRIGGER closed BEFORE INSERT ON sale FOR EACH ROW EXECUTE FUNCTION closed()",
    )


def refuse_products(evidence_tables: Tables) -> None:
    evidence_tables.run(
        UNKNOWN, "CREATE TRIGGER known BEFORE INSERT ON sale_item FOR EACH ROW EXECUTE FUNCTION unknown()"
    )


def bad(number: int) -> Sale:
    return sale(number, items=(item(product=f"666{number}"),))


def test_what_refuses_a_whole_day_is_the_erps_trouble_and_its_words_are_told(
    evidence_shop: Shop, evidence_poster: Poster, evidence_tables: Tables, evidence_clock: Clock
) -> None:
    refuse_from(evidence_tables, on_day(10, 1))
    evidence_shop.accept(*(sale(n) for n in range(1, 6)), *(on_day(n, 1) for n in range(10, 40)))
    evidence_poster.step()
    assert evidence_shop.counted() == {"posted": 5, "waiting": 30}
    assert evidence_shop.kept == []
    assert set(evidence_shop.reasons()) == {"erp_refuses_all"}
    [facts] = {tuple(sorted(one.reason.facts.items())) for one in evidence_shop.documents() if one.reason}
    assert dict(facts)["said"] == "período fechado: 42"
    assert dict(facts)["sqlstate"] == "P0001"
    evidence_tables.run("DROP TRIGGER closed ON sale")
    advance(evidence_shop, evidence_poster, evidence_clock)
    assert evidence_shop.counted() == {"posted": 35}


def test_a_missing_partition_keeps_the_month_waiting(
    evidence_shop: Shop, evidence_poster: Poster, evidence_tables: Tables, evidence_clock: Clock
) -> None:
    [(definition,)] = evidence_tables.ask(PARTITIONED)
    month = sale(1).issued_at.date().replace(day=1)
    following = (month + timedelta(days=32)).replace(day=1)
    evidence_tables.run(
        "DROP TABLE sale",
        definition,
        f"CREATE TABLE sale_one PARTITION OF sale FOR VALUES FROM ('{month}') TO ('{following}')",
    )
    evidence_shop.accept(sale(1), *(on_day(n, 32) for n in range(2, 6)))
    evidence_poster.step()
    assert evidence_shop.counted() == {"posted": 1, "waiting": 4}
    assert set(evidence_shop.reasons()) == {"erp_refuses_all"}
    last = (following + timedelta(days=32)).replace(day=1)
    evidence_tables.run(f"CREATE TABLE sale_two PARTITION OF sale FOR VALUES FROM ('{following}') TO ('{last}')")
    advance(evidence_shop, evidence_poster, evidence_clock)
    assert evidence_shop.counted() == {"posted": 5}


def test_what_refuses_one_sale_is_that_sales(
    evidence_shop: Shop, evidence_poster: Poster, evidence_tables: Tables
) -> None:
    refuse_products(evidence_tables)
    evidence_shop.accept(*supermarket(20), bad(901), bad(902))
    evidence_poster.step()
    assert evidence_shop.counted() == {"posted": 20, "rejected": 2}
    [first, second] = [one.reason for one in evidence_shop.documents() if one.reason]
    assert (first.code, first.facts["said"]) == ("erp_refused", "produto sem cadastro: 666901 (cliente ***)")
    assert second.facts["said"] == "produto sem cadastro: 666902 (cliente ***)"
    told = rejection.cause(first.code, first.facts, "pt")
    assert "O ERP disse: “produto sem cadastro: 666901 (cliente ***)”" in told


def test_one_alone_is_rejected_and_comes_back_when_it_turns_out_to_be_everybody(
    evidence_shop: Shop, evidence_poster: Poster, evidence_tables: Tables, evidence_clock: Clock
) -> None:
    refuse_from(evidence_tables, on_day(10, 1))
    evidence_shop.accept(on_day(10, 1))
    evidence_poster.step()
    assert evidence_shop.counted() == {"rejected": 1}
    evidence_shop.accept(on_day(11, 1))
    evidence_poster.step()
    advance(evidence_shop, evidence_poster, evidence_clock)
    assert evidence_shop.counted() == {"waiting": 2}
    evidence_tables.run("DROP TRIGGER closed ON sale")
    advance(evidence_shop, evidence_poster, evidence_clock)
    assert evidence_shop.counted() == {"posted": 2}


def test_two_bad_ones_wait_until_a_good_one_speaks_against_them(
    evidence_shop: Shop, evidence_poster: Poster, evidence_tables: Tables, evidence_clock: Clock
) -> None:
    refuse_products(evidence_tables)
    evidence_shop.accept(bad(901), bad(902))
    evidence_poster.step()
    assert evidence_shop.counted() == {"waiting": 2}
    evidence_shop.accept(sale(1))
    advance(evidence_shop, evidence_poster, evidence_clock)
    assert evidence_shop.counted() == {"posted": 1, "rejected": 2}


def test_while_everything_is_refused_one_is_tried_and_not_a_thousand(
    evidence_shop: Shop, evidence_poster: Poster, evidence_tables: Tables, evidence_clock: Clock
) -> None:
    attempts: list[int] = []

    def counted(erp: Erp, batch: Sequence[Posting]) -> list[Outcome]:
        attempts.append(len(batch))
        return erp.post(batch)

    refuse_from(evidence_tables, on_day(10, 1))
    other = evidence_shop.poster(erp=lambda: Passing(evidence_shop.erp(), counted))
    evidence_shop.accept(*(on_day(n, 1) for n in range(10, 90)))
    other.step()
    attempts.clear()
    for _ in range(5):
        evidence_clock.now += 60
        other.step()
    assert attempts == [1] * 5
    # The first good one of another day is not held up by any of it.
    evidence_shop.accept(sale(1))
    other.step()
    assert evidence_shop.counted() == {"posted": 1, "waiting": 80}
    other.close()


PARTITIONED = text(
    "SELECT 'CREATE TABLE sale (' || string_agg(format('%I %s%s', attname, format_type(atttypid, atttypmod),"
    " CASE WHEN attname = 'posted_at' THEN ' DEFAULT now()' ELSE '' END), ', ' ORDER BY attnum)"
    " || ') PARTITION BY RANGE (issued_at)' FROM pg_attribute"
    " WHERE attrelid = 'sale'::regclass AND attnum > 0"
)


def test_the_words_are_in_json_under_their_own_name(
    evidence_shop: Shop, evidence_poster: Poster, evidence_tables: Tables
) -> None:
    refuse_products(evidence_tables)
    evidence_shop.accept(sale(1), bad(901))
    evidence_poster.step()
    [rejected] = [one for one in evidence_shop.documents() if one.state == "rejected"]
    listed = msgspec.to_builtins(entry_of(rejected, None, "pt"))
    assert listed["facts"]["said"] == "produto sem cadastro: 666901 (cliente ***)"
    assert listed["facts"]["sqlstate"] == "P0001"
    assert listed["facts"]["table"] == "sale_item"
