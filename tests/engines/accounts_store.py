"""A store database of either kind, for tests of accounts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from malote.database.engine import open_database
from malote.database.migrations import migrate
from tests import ready_stores
from tests.engines.postgres_support import discard_postgresql


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def accounts_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a store database: an empty one, or one that is up to date."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.sqlite3'}"
        return
    url = ready_stores.postgresql_url()
    yield url
    discard_postgresql(url)


@pytest.fixture
def accounts(accounts_url: str) -> Iterator[Engine]:
    """A store database that is up to date and has no user."""
    engine = open_database(accounts_url)
    migrate(engine)
    yield engine
    engine.dispose()
