"""Houses on both databases."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines.quarantine_support import House

pytest_plugins = ("tests.engines.spool_fixtures",)


@pytest.fixture
def open_house(tmp_path: Path, spool_url: str) -> Iterator[Callable[..., House]]:
    """Opens the house; its keywords are settings of the store."""
    opened: list[House] = []

    def open_it(**store: Any) -> House:
        opened.append(House(tmp_path / "home", spool_url, **store))
        return opened[-1]

    yield open_it
    for house in opened:
        house.close()


@pytest.fixture
def house(open_house: Callable[..., House]) -> House:
    return open_house()
