"""An empty ERP on each engine. A plugin: name it in ``pytest_plugins``, don't import it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from malote.erp.factory import open_erp
from malote.erp.protocol import Erp
from tests.engines.erp_support import Tables
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def erp_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'erp.sqlite3'}"
        return
    url = fresh_postgresql_url()
    yield url
    discard_postgresql(url)


@pytest.fixture
def erp(erp_url: str) -> Iterator[Erp]:
    opened = open_erp(erp_url, lock_timeout_seconds=5)
    opened.create_structure()
    yield opened
    opened.close()


@pytest.fixture
def tables(erp_url: str, erp: Erp) -> Iterator[Tables]:
    opened = Tables(erp_url)
    yield opened
    opened.engine.dispose()
