"""A capture of a test's own. A plugin: name it in ``pytest_plugins``, don't import it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.till_capture_support import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.outbox.close()
