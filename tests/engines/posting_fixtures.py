"""A store, its ERP on each engine, a poster. A plugin: name it in ``pytest_plugins``, don't import it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from malote.posting.poster import Poster
from tests.engines.erp_support import Tables
from tests.engines.posting_support import Shop, open_shop
from tests.engines.spool_support import Clock

pytest_plugins = ["tests.engines.erp_fixtures"]


@pytest.fixture
def posting_clock() -> Clock:
    return Clock()


@pytest.fixture
def posting_shop(tmp_path: Path, erp_url: str, tables: Tables, posting_clock: Clock) -> Iterator[Shop]:
    """``tables`` comes first, since it has the ERP's structure made."""
    with open_shop(tmp_path, erp_url, posting_clock) as opened:
        yield opened


@pytest.fixture
def posting_poster(posting_shop: Shop) -> Iterator[Poster]:
    made = posting_shop.poster()
    yield made
    made.close()
