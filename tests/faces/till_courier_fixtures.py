"""A courier and its server. A plugin: name it in ``pytest_plugins``, don't import it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faces.till_courier_support import Line
from tests.faces.till_support import (
    FakeServer,
    Ledger,
    serving,
)


@pytest.fixture
def courier_server() -> Iterator[FakeServer]:
    with serving(Ledger()) as server:
        yield server


@pytest.fixture
def line(tmp_path: Path, courier_server: FakeServer) -> Iterator[Line]:
    made = Line(tmp_path, courier_server)
    yield made
    made.close()
