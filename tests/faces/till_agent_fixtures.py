"""What an agent works with. A plugin: name it in ``pytest_plugins``, don't import it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faces.till_support import FakeServer, Ledger, serving


@pytest.fixture
def agent_server() -> Iterator[FakeServer]:
    with serving(Ledger()) as server:
        yield server


@pytest.fixture
def pos_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pos"
    folder.mkdir()
    return folder
