"""The store database for a command: opened, brought up to date, and closed again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import Engine
from sqlalchemy.exc import ArgumentError

from malote.config import Settings, SettingsError
from malote.database.engine import open_database
from malote.database.migrations import migrate


class OpenedStore(NamedTuple):
    settings: Settings
    engine: Engine


@contextmanager
def opened_store(settings: Settings) -> Iterator[OpenedStore]:
    """Raises what ``open_store`` raises."""
    engine = open_store(settings)
    try:
        yield OpenedStore(settings, engine)
    finally:
        engine.dispose()


def open_store(settings: Settings) -> Engine:
    """The store database, brought up to date.

    Raises ``StoreError``; ``SettingsError`` where ``database.url`` can't be a store's; ``OSError`` where its folder
    can't be made.
    """
    try:
        engine = open_database(settings.database_url)
    except (ValueError, ArgumentError) as error:
        raise SettingsError(f"database.url: {error}", language=settings.language) from error
    try:
        migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine
