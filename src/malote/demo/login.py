"""The user of the demo's console, with a new password at every start, so that nobody knows it beforehand."""

from sqlalchemy import Engine

from malote.accounts import passwords, users
from malote.accounts.audit import Actor
from malote.accounts.errors import AccountError
from malote.accounts.roles import Role

NAME = "demo"
_ACTOR = Actor("system")


def renew(engine: Engine) -> str:
    """Creates the user where it is absent, an administrator; returns its password. Raises ``StoreError``."""
    password = passwords.one_time()
    try:
        users.set_password(engine, _ACTOR, NAME, password, must_change_password=False)
    except AccountError:
        users.create(engine, _ACTOR, NAME, role=Role.ADMINISTRADOR, password=password, must_change_password=False)
    return password
