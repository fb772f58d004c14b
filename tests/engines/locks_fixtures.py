"""A lock server for a whole module, and in it a store with an ERP. A plugin: name it in ``pytest_plugins``."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from malote.locks.lock_service import Locks
from tests.engines.locks_support import SETTINGS, People, Server, lock_server
from tests.engines.posting_support import Shop, open_shop


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with lock_server() as started:
        yield started


@pytest.fixture
def erp_address(server: Server) -> str:
    return server.database()


@pytest.fixture
def people(erp_address: str) -> Iterator[People]:
    with ExitStack() as stack:
        yield People(erp_address, stack)


@pytest.fixture
def shop(tmp_path: Path, erp_address: str) -> Iterator[Shop]:
    import time

    with open_shop(tmp_path, erp_address, time.time) as opened:
        yield opened


@pytest.fixture
def locks(shop: Shop) -> Iterator[Locks]:
    opened = Locks(shop.engine, shop.erp_url, SETTINGS)
    yield opened
    opened.close()
