"""Brings the store database up to date. The steps are in ``versions/``, and never altered once released."""

import re
import threading
from functools import cache
from importlib import resources

from sqlalchemy import Connection, Engine, inspect, text

from malote.database.engine import reading, writing
from malote.database.errors import StoreError

# Alembic keeps the run that goes on in module variables: one at a time within a process.
_one_at_a_time = threading.Lock()

_ADVISORY_LOCK = 0x4D414C4F5445  # any number that no other program uses: "MALOTE"


def migrate(engine: Engine) -> None:
    """Creates or updates the tables, all or nothing. Safe when several processes start at once.

    Raises ``StoreError``: ``store_newer`` when a newer version of Malote made the database.
    """
    with reading(engine) as connection:
        if _is_current(connection):
            return
    with _one_at_a_time, writing(engine) as connection:
        _keep_others_out(connection)
        if not _is_current(connection):
            _upgrade(connection)


def _is_current(connection: Connection) -> bool:
    """Raises ``StoreError`` for what no step here has made."""
    if not inspect(connection).has_table("alembic_version"):
        return False
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    known = _revisions()
    if revision is not None and revision not in known:
        raise StoreError("store_newer", detail=f"revision {revision}")
    return revision == known[-1]


@cache
def _revisions() -> list[str]:
    """All steps' numbers, which their files' names begin with, in order."""
    files = (resources.files(__name__) / "versions").iterdir()
    return sorted(file.name[:4] for file in files if re.fullmatch(r"\d{4}_\w+\.py", file.name))


def _upgrade(connection: Connection) -> None:
    # Here, since most commands meet a store that is up to date, and wait for nothing.
    from alembic import command
    from alembic.config import Config

    configuration = Config()
    # A percent sign in the path would be taken for a placeholder.
    folder = str(resources.files(__name__)).replace("%", "%%")
    configuration.set_main_option("script_location", folder)
    configuration.set_main_option("path_separator", "os")
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")


def _keep_others_out(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ADVISORY_LOCK})
