"""Users, times and tampering for tests of accounts on both kinds of store database."""

import threading
from collections.abc import Callable

from sqlalchemy import Engine

from malote.accounts import users
from malote.accounts.audit import Actor
from malote.accounts.roles import Role
from malote.accounts.sessions import SignedIn
from malote.accounts.users import User
from malote.database.engine import writing

NOON = 1_795_000_000.0
HERE = "10.1.1.7"
ELSEWHERE = "203.0.113.9"
PASSWORD = "três gatos no telhado"
OTHER_PASSWORD = "quatro cães na varanda"
WRONG = "cinco patos na lagoa"
BOSS = Actor("chefe", HERE)


def add_user(engine: Engine, name: str = "maria", role: Role = Role.SUPORTE, *, fresh: bool = False) -> User:
    """A user with ``PASSWORD``; ``fresh``: it has yet to be changed."""
    return users.create(engine, BOSS, name, role=role, password=PASSWORD, must_change_password=fresh, now=NOON)


def enter(
    engine: Engine, name: str = "maria", password: str = PASSWORD, *, address: str = HERE, now: float = NOON
) -> SignedIn:
    return users.sign_in(engine, name, password, address=address, now=now)


def tamper(engine: Engine, statement: str) -> None:
    """What only somebody with the database's own password can do: change the trail, triggers or not."""
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_append_only")
        else:
            connection.exec_driver_sql("DROP TRIGGER IF EXISTS audit_entry_no_update")
            connection.exec_driver_sql("DROP TRIGGER IF EXISTS audit_entry_no_delete")
        connection.exec_driver_sql(statement)


def at_once(*jobs: Callable[[], object]) -> list[object]:
    """What each job returned, or the exception that ended it; all start together."""
    results: list[object] = [None] * len(jobs)
    gate = threading.Barrier(len(jobs))

    def run(index: int) -> None:
        gate.wait()
        try:
            results[index] = jobs[index]()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
