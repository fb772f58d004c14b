"""What the commands about users and the audit trail share: the store database, and how they fail."""

from collections.abc import Iterator
from contextlib import contextmanager

from malote.accounts.errors import AccountError
from malote.cli.common import ConfigOption, end_with_settings, fail, require_settings, require_store, settings_of
from malote.config import SettingsError
from malote.database.errors import StoreError
from malote.database.opened import OpenedStore, opened_store


@contextmanager
def accounts_of(config: ConfigOption, *, creates: bool = False) -> Iterator[OpenedStore]:
    """The store database; what can't be done ends the command with its reason."""
    settings = settings_of(config)
    if creates:
        require_settings(config, settings)
    else:
        require_store(settings)
    try:
        with opened_store(settings) as store:
            yield store
    except AccountError as error:
        fail(error.code, error.facts, settings)
    except StoreError as error:
        fail(error.code, {"detail": error.detail}, settings)
    except SettingsError as error:
        end_with_settings(error)
