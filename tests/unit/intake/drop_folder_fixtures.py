"""A drop folder of a test's own. A plugin: name it in ``pytest_plugins``, don't import it."""

from pathlib import Path

import pytest

from tests.unit.intake.drop_folder_support import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "entrada")
