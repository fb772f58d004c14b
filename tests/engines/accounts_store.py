"""A store database of either kind, for tests of accounts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests import ready_stores


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def accounts_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a store database: an empty one, or one that is up to date."""
    with ready_stores.address_of(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def accounts(accounts_url: str) -> Iterator[Engine]:
    """A store database that is up to date and has no user."""
    with ready_stores.opened(accounts_url) as engine:
        yield engine
