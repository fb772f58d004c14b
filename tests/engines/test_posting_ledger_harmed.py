"""Whatever somebody does to the ledger's table in the ERP: sales wait with its name, none is rejected, none is booked
twice, and posting goes on by itself once it is put right."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from malote.findings.store_wide import STORE_WIDE
from malote.posting.ledger import LOOK_SECONDS, LedgerGuard
from tests.engines.erp_support import Tables
from tests.engines.posting_support import Shop, advance, open_shop
from tests.engines.sales import cancellation, number_void, sale
from tests.engines.spool_support import Clock

pytest_plugins = ["tests.engines.erp_fixtures"]


class Harm(NamedTuple):
    """``named``: what the reason must say. ``due``: whether a look is."""

    done: tuple[str, ...]
    undone: tuple[str, ...]
    named: str = "posting_key"
    due: tuple[bool, ...] = (False,)


def renamed(column: str) -> Harm:
    there, back = f"{column} TO aside", f"aside TO {column}"
    return Harm(
        (f"ALTER TABLE posting_key RENAME COLUMN {there}",),
        (f"ALTER TABLE posting_key RENAME COLUMN {back}",),
        f"posting_key.{column}",
        due=(column == "content_hash",),
    )


def retyped(column: str, kind: str, own: str, using: str = "") -> Harm:
    change = "ALTER TABLE posting_key ALTER COLUMN"
    return Harm(
        (f"{change} {column} TYPE {kind} USING {using or column}",),
        (f"{change} {column} TYPE {own} USING {column}::{own}",),
    )


_REFUSE = "BEGIN RAISE EXCEPTION 'fechado'; END"
BOTH = {
    "table renamed": Harm(("ALTER TABLE posting_key RENAME TO aside",), ("ALTER TABLE aside RENAME TO posting_key",)),
    "identity renamed": renamed("identity"),
    "content renamed": renamed("content_hash"),
    "till renamed": renamed("till"),
    "document renamed": renamed("document_id"),
}
POSTGRESQL = {
    "key dropped": Harm(
        ("ALTER TABLE posting_key DROP CONSTRAINT posting_key_pkey",),
        ("ALTER TABLE posting_key ADD CONSTRAINT posting_key_pkey PRIMARY KEY (identity)",),
        "posting_key (identity)",
        due=(False, True),
    ),
    "column dropped": Harm(
        ("ALTER TABLE posting_key DROP COLUMN document_id",),
        ("ALTER TABLE posting_key ADD COLUMN document_id bigint NOT NULL DEFAULT 0",
         "ALTER TABLE posting_key ALTER COLUMN document_id DROP DEFAULT"),
        "posting_key.document_id",
    ),
    "bytes made text": retyped("content_hash", "text", "bytea"),
    "number made truth": Harm(
        ("ALTER TABLE posting_key ALTER COLUMN document_id TYPE boolean USING true",),
        ("ALTER TABLE posting_key ALTER COLUMN document_id TYPE bigint USING 0",),
    ),
    "till made short": Harm(
        ("ALTER TABLE posting_key ADD CONSTRAINT short CHECK (length(till) < 3) NOT VALID",),
        ("ALTER TABLE posting_key DROP CONSTRAINT short",),
    ),
    "a column that must be filled": Harm(
        ("ALTER TABLE posting_key ADD COLUMN branch text", "ALTER TABLE posting_key ALTER COLUMN branch SET DEFAULT ''",
         "UPDATE posting_key SET branch = ''", "ALTER TABLE posting_key ALTER COLUMN branch SET NOT NULL",
         "ALTER TABLE posting_key ALTER COLUMN branch DROP DEFAULT"),
        ("ALTER TABLE posting_key DROP COLUMN branch",),
        "posting_key.branch",
    ),
    "a trigger refuses all": Harm(
        (f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ {_REFUSE} $$",
         "CREATE TRIGGER refuse BEFORE INSERT ON posting_key FOR EACH ROW EXECUTE FUNCTION refuse()"),
        ("DROP TRIGGER refuse ON posting_key", "DROP FUNCTION refuse()"),
    ),
    "a view that nothing can be written to": Harm(
        ("ALTER TABLE posting_key RENAME TO aside", "CREATE VIEW posting_key AS SELECT DISTINCT * FROM aside"),
        ("DROP VIEW posting_key", "ALTER TABLE aside RENAME TO posting_key"),
    ),
}  # fmt: skip
SQLITE = {
    "a view in its place": Harm(
        ("ALTER TABLE posting_key RENAME TO aside", "CREATE VIEW posting_key AS SELECT * FROM aside"),
        ("DROP VIEW posting_key", "ALTER TABLE aside RENAME TO posting_key"),
    ),
    "a trigger refuses all": Harm(
        ("CREATE TRIGGER refuse BEFORE INSERT ON posting_key BEGIN SELECT RAISE(ABORT, 'fechado'); END",),
        ("DROP TRIGGER refuse",),
    ),
    "key gone": Harm(
        ("CREATE TABLE loose AS SELECT * FROM posting_key", "ALTER TABLE posting_key RENAME TO aside",
         "ALTER TABLE loose RENAME TO posting_key"),
        ("DROP TABLE posting_key", "ALTER TABLE aside RENAME TO posting_key"),
        "posting_key (identity)",
        due=(True,),  # booking goes on until then, and rightly
    ),
}  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path, erp_url: str, tables: Tables) -> Iterator[Shop]:
    with open_shop(tmp_path, erp_url, Clock()) as opened:
        yield opened


def of(shop: Shop) -> dict[str, Harm]:
    return BOTH | (SQLITE if shop.erp_url.startswith("sqlite") else POSTGRESQL)


def test_what_is_done_to_the_ledger_makes_sales_wait_and_rejects_none(shop: Shop, tables: Tables) -> None:
    """Met by the booking itself, and by the look that is due."""
    clock = shop.clock
    assert isinstance(clock, Clock)
    last = 0
    for name, harm in of(shop).items():
        for due in harm.due:
            with closing(shop.poster(guard=LedgerGuard(shop.engine, clock))) as poster:
                told = f"{name}, {'at a look' if due else 'between looks'}"
                first, second, third = (sale(last + place) for place in (1, 2, 3))
                last += 3
                shop.accept(first, second, cancellation(second))
                poster.drain()
                before, posted = tables.counts(), shop.counted()["posted"]
                tables.run(*harm.done)
                clock.now += LOOK_SECONDS if due else 0
                shop.accept(first, third, cancellation(first), number_void(900_000 + last))
                poster.step()
                assert shop.counted() == {"posted": posted, "waiting": 4}, told
                [code] = set(shop.reasons())
                assert code in STORE_WIDE, told
                assert all(harm.named in one.reason.facts["detail"] for one in shop.documents() if one.reason), told
                tables.run(*harm.undone)
                advance(shop, poster, clock)
                assert shop.counted() == {"posted": posted + 4}, told
                after = tables.counts()
                assert after["sale"] == before["sale"] + 1, told
                assert after["cancellation"] == before["cancellation"] + 1, told


def test_a_trigger_of_the_ledger_that_refuses_one_sale_holds_back_that_one(shop: Shop, tables: Tables) -> None:
    clock = shop.clock
    assert isinstance(clock, Clock)
    one = f"NEW.identity = '{sale(3).access_key}'"
    tables.run(
        f"CREATE TRIGGER one BEFORE INSERT ON posting_key WHEN {one} BEGIN SELECT RAISE(ABORT, 'x'); END"
        if shop.erp_url.startswith("sqlite")
        else f"CREATE FUNCTION one() RETURNS trigger LANGUAGE plpgsql AS $$ {_REFUSE} $$"
    )
    if not shop.erp_url.startswith("sqlite"):
        tables.run(f"CREATE TRIGGER one BEFORE INSERT ON posting_key FOR EACH ROW WHEN ({one}) EXECUTE FUNCTION one()")
    with closing(shop.poster(guard=LedgerGuard(shop.engine, clock))) as poster:
        shop.accept(*(sale(number) for number in range(1, 15)))
        poster.step()
        advance(shop, poster, clock)
    assert shop.counted() == {"posted": 13, "waiting": 1}
