"""A house with jobs. A plugin: name it in ``pytest_plugins``, don't import it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ready_stores
from tests.engines.quarantine_support import House


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def jobs_house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    url = ready_stores.postgresql_url() if request.param == "postgresql" else ""
    opened = House(tmp_path, url)
    yield opened
    opened.close()
