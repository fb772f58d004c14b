"""Fixtures of tests on both kinds of store database. A plugin: name it in ``pytest_plugins``, don't import it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from malote.spool.sql_queue import Spool
from malote.tills.till import Till, create_till
from tests import ready_stores
from tests.engines.spool_support import Clock


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def spool_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a store database: an empty one, or one that is up to date."""
    with ready_stores.address_of(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def spool_engine(spool_url: str) -> Iterator[Engine]:
    """A store database that is up to date."""
    with ready_stores.opened(spool_url) as engine:
        yield engine


@pytest.fixture
def spool_clock() -> Clock:
    return Clock()


@pytest.fixture
def spool(spool_engine: Engine, spool_clock: Clock) -> Spool:
    return Spool(spool_engine, language="en", clock=spool_clock)


@pytest.fixture
def till_one(spool_engine: Engine) -> Till:
    return create_till(spool_engine, "caixa1")[0]


@pytest.fixture
def till_two(spool_engine: Engine) -> Till:
    return create_till(spool_engine, "caixa2")[0]
