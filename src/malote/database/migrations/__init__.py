"""Brings the store database up to date. The steps are in ``versions/``, and never altered once released."""

import threading
from importlib import resources

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text

from malote.database.engine import reading, writing
from malote.database.errors import StoreError

# Alembic keeps the run that goes on in module variables: one at a time within a process.
_one_at_a_time = threading.Lock()

_ADVISORY_LOCK = 0x4D414C4F5445  # any number that no other program uses: "MALOTE"


def migrate(engine: Engine) -> None:
    """Creates or updates the tables, all or nothing. Safe when several processes start at once.

    Raises ``StoreError``: ``store_newer`` when a newer version of Malote made the database.
    """
    configuration = _configuration()
    scripts = ScriptDirectory.from_config(configuration)
    with reading(engine) as connection:
        if _is_current(connection, scripts):
            return
    with _one_at_a_time, writing(engine) as connection:
        _keep_others_out(connection)
        if _is_current(connection, scripts):
            return
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "head")


def _configuration() -> Config:
    configuration = Config()
    # A percent sign in the path would be taken for a placeholder.
    folder = str(resources.files(__name__)).replace("%", "%%")
    configuration.set_main_option("script_location", folder)
    configuration.set_main_option("path_separator", "os")
    return configuration


def _is_current(connection: Connection, scripts: ScriptDirectory) -> bool:
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        return False
    try:
        scripts.get_revision(revision)
    except CommandError as error:
        raise StoreError("store_newer", transient=False, detail=f"revision {revision}") from error
    return revision == scripts.get_current_head()


def _keep_others_out(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ADVISORY_LOCK})
