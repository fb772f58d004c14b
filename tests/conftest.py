"""Shared by all tests: nothing of the machine's own settings may leak into them."""

import os

import pytest


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        name
        for name in os.environ
        if name.startswith("MALOTE_") and not name.startswith(("MALOTE_SOAK", "MALOTE_TEST_"))
    ]:
        monkeypatch.delenv(name)
