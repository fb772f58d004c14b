"""Shared by all tests: nothing of the machine's own settings may leak into them."""

import gc
import os
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from malote.accounts import passwords
from malote.database import migrations
from malote.terminal import store_clock
from tests import ready_stores


def pytest_collection_finish() -> None:
    """What is loaded by now stays: a fifth of the suite was spent on looking through it for what nobody uses."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def _steps_are_taken_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "_upgrade", ready_stores.upgrade)
        yield


_COSTLY = passwords._HASHER


@pytest.fixture(scope="session", autouse=True)
def _hashes_are_cheap() -> Iterator[None]:
    """A tenth of a second for each sign-in is meant for who guesses passwords. ``costly_hashes`` brings it back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=16, parallelism=1))
        yield


@pytest.fixture
def costly_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_HASHER", _COSTLY)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        name
        for name in os.environ
        if name.startswith("MALOTE_") and not name.startswith(("MALOTE_SOAK", "MALOTE_TEST_"))
    ]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _each_command_sets_the_clock() -> None:
    """A clock that an earlier test's command set would hide one that reads it too soon."""
    store_clock.unset()
