"""The posting user on a real PostgreSQL: what ``malote erp grants`` prints is enough, and none of it too much."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import make_url

from malote.erp.factory import open_erp
from malote.erp.grants import Grant, statements
from malote.erp.mapping import BUILT_IN, ErpTables
from malote.erp.profiles.profile import load, shipped
from malote.erp.protocol import Erp, ErpError, Result
from tests.engines.erp_support import post
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.sales import cancellation, contingency, item, number_void, posting, sale

pytestmark = pytest.mark.postgresql

PROFILES = {"malote": BUILT_IN, **{name: ErpTables(load(name)) for name in shipped()}}


@pytest.fixture(params=PROFILES)
def tables(request: pytest.FixtureRequest) -> ErpTables:
    return PROFILES[request.param]


@pytest.fixture
def url(tables: ErpTables) -> Iterator[str]:
    """An ERP in which nobody may do anything by default."""
    made = fresh_postgresql_url()
    with opened(made, tables) as erp:
        erp.create_structure(everything=True)
    run(made, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
    yield made
    discard_postgresql(made)


@contextmanager
def opened(url: str, tables: ErpTables) -> Iterator[Erp]:
    erp = open_erp(url, lock_timeout_seconds=5, tables=tables)
    try:
        yield erp
    finally:
        erp.close()


@contextmanager
def clerk(url: str) -> Iterator[tuple[str, str]]:
    """A role without privileges, and the ERP's address for it."""
    role = f"Clerk-{random.randrange(10**9)}"  # a name that must be quoted
    run(url, f'CREATE ROLE "{role}" LOGIN')
    try:
        yield role, make_url(url).set(username=role).render_as_string(hide_password=False)
    finally:
        run(url, f'DROP OWNED BY "{role}"', f'DROP ROLE "{role}"')


def run(url: str, *commands: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for command in commands:
            connection.execute(command.encode())


def everything(erp: Erp, start: int = 1) -> list[Result]:
    """One of each thing that posting does."""
    offline = contingency(start + 1)
    first = post(erp, sale(start), offline, cancellation(sale(start)), number_void(start + 2, start + 2))
    other = contingency(start + 1, authorised=True)
    again = post(erp, other, sale(start, change=1), cancellation(sale(start)), first_id=9)
    assert len(list(erp.booked())) >= 2
    return [*first, *again, *corrected(erp, start + 3)]


def corrected(erp: Erp, number: int) -> list[Result]:
    """A sale that its authorised version completes; one that another key takes the place of, and that comes back."""
    post(erp, contingency(number), first_id=20)
    mended = contingency(number, authorised=True, items=[item(ncm="10063011")])
    offline, late = contingency(number + 1), contingency(number + 1, authorised=True)
    post(erp, offline, first_id=30)
    other = sale(number + 1)
    return [
        *post(erp, mended, first_id=21),
        erp.supersede(posting(other, 31)).result,
        erp.supersede(posting(late, 32)).result,
    ]


def test_the_grants_are_enough_for_everything(url: str, tables: ErpTables) -> None:
    with clerk(url) as (role, address), opened(address, tables) as erp:
        run(url, *statements(erp.grants(role)))
        assert everything(erp) == [
            *[Result.POSTED] * 4,
            Result.PROTOCOL_ADDED,
            Result.DIVERGENT,
            Result.DUPLICATE,
            Result.MENDED,
            Result.POSTED,
            Result.TWICE,
        ]


def test_without_any_one_of_them_posting_waits_and_names_it(url: str, tables: ErpTables) -> None:
    with clerk(url) as (role, address), opened(address, tables) as erp:
        granted = erp.grants(role)
        run(url, *statements(granted))
        for number, grant in enumerate(granted):
            run(url, revoked(grant))
            with opened(address, tables) as afresh, pytest.raises(ErpError) as refused:
                everything(afresh, start=10 * (number + 1))
            assert (refused.value.code, refused.value.transient) == ("erp_privilege", True), grant
            assert refused.value.detail == named(grant)
            run(url, *statements([grant]))
        everything(erp, start=1000)


def revoked(grant: Grant) -> str:
    return grant.statement.replace("GRANT", "REVOKE", 1).replace(" TO ", " FROM ")


def named(grant: Grant) -> str:
    return f"{grant.verb} ON {grant.table or grant.target}"
