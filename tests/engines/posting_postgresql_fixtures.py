"""A store, its ERP on PostgreSQL, a poster. A plugin: name it in ``pytest_plugins``, don't import it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from malote.posting.poster import Poster
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.posting_support import Shop, open_shop
from tests.engines.spool_support import Clock


@pytest.fixture
def evidence_clock() -> Clock:
    return Clock()


@pytest.fixture
def evidence_shop(tmp_path: Path, evidence_clock: Clock) -> Iterator[Shop]:
    url = fresh_postgresql_url()
    with open_shop(tmp_path, url, evidence_clock) as opened:
        erp = opened.erp()
        erp.create_structure()
        erp.close()
        yield opened
    discard_postgresql(url)


@pytest.fixture
def evidence_poster(evidence_shop: Shop) -> Iterator[Poster]:
    made = evidence_shop.poster()
    yield made
    made.close()
