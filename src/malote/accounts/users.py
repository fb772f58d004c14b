"""The people who use the console: created, signed in, given roles, disabled. Nobody is ever deleted, for the audit.

Whoever changes an account holds the audit trail's lock from the start, so that two administrators can't disable each
other at the same moment.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, RowMapping, func, select, update

from malote.accounts import audit, passwords, sessions, throttle
from malote.accounts.audit import Actor, Facts
from malote.accounts.errors import AccountError, SignInError
from malote.accounts.roles import Role
from malote.accounts.sessions import SessionLimits, SignedIn
from malote.accounts.throttle import Reservation
from malote.accounts.user import User as User
from malote.accounts.user import user_of
from malote.database.account_tables import user_account
from malote.database.engine import reading, writing

FIRST_ADMINISTRATOR = "administrador"
ONE_TIME_SECONDS = 72 * 3600.0  # in which a password that somebody else gave must be changed

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}", re.ASCII)
_LONGEST_DISPLAY_NAME = 100
_LONGEST_LOOKED_AT = 256


class _Attempt(NamedTuple):
    row: RowMapping | None  # the user's, as it was before the password was looked at
    genuine: bool  # whether the password is right
    reservation: Reservation


def ensure_first_administrator(engine: Engine, *, now: float | None = None) -> str | None:
    """Creates ``FIRST_ADMINISTRATOR`` where no user exists at all, and returns the one-time password to be printed.

    It must be changed at the first sign-in. None where there are users already, also if another server was faster.
    """
    with reading(engine) as connection:
        if _count(connection):
            return None
    password = passwords.one_time()
    kept = passwords.hashed(password)
    with _changing(engine) as connection:
        if _count(connection):
            return None
        _insert(connection, Actor("system"), FIRST_ADMINISTRATOR, "", Role.ADMINISTRADOR, kept, True, _at(now))
    return password


def waits_for_its_first_sign_in(engine: Engine, *, now: float | None = None) -> bool:
    """Whether the first administrator's one-time password still opens something."""
    with reading(engine) as connection:
        row = _row(connection, FIRST_ADMINISTRATOR)
    return row is not None and row["must_change_password"] and not _is_over(row, _at(now))


def create(
    engine: Engine,
    actor: Actor,
    name: str,
    *,
    role: Role,
    password: str,
    display_name: str = "",
    must_change_password: bool = True,
    now: float | None = None,
) -> User:
    """Raises ``AccountError``: ``user_name_invalid``, ``user_exists``, ``password_…``."""
    chosen = folded(name)
    if not _NAME.fullmatch(chosen):
        raise AccountError("user_name_invalid", name=name[:_LONGEST_LOOKED_AT])
    passwords.check(password, chosen)
    kept = passwords.hashed(password)
    with _changing(engine) as connection:
        if _row(connection, chosen) is not None:
            raise AccountError("user_exists", name=chosen)
        return _insert(connection, actor, chosen, display_name, role, kept, must_change_password, _at(now))


def listed(engine: Engine) -> list[User]:
    """All users by name."""
    query = select(user_account).order_by(user_account.c.name)
    with reading(engine) as connection:
        return [user_of(row) for row in connection.execute(query).mappings()]


def get(engine: Engine, name: str) -> User:
    """Raises ``AccountError`` (``user_unknown``)."""
    with reading(engine) as connection:
        return user_of(_known_row(connection, name))


def set_role(
    engine: Engine, actor: Actor, name: str, role: Role, *, reason: str = "", now: float | None = None
) -> User:
    """Ends the user's sessions. Raises ``AccountError``: ``user_unknown``, ``last_administrator``."""
    with _changing(engine) as connection:
        user = user_of(_known_row(connection, name))
        if role is not Role.ADMINISTRADOR:
            _keep_an_administrator(connection, user)
        before, after = {"role": user.role.value}, {"role": role.value}
        return _change(connection, actor, "user_role_changed", user, before, after, reason, _at(now))


def set_disabled(
    engine: Engine, actor: Actor, name: str, disabled: bool, *, reason: str = "", now: float | None = None
) -> User:
    """Ends the user's sessions. Raises ``AccountError``: ``user_unknown``, ``last_administrator``."""
    with _changing(engine) as connection:
        user = user_of(_known_row(connection, name))
        if disabled:
            _keep_an_administrator(connection, user)
        action = "user_disabled" if disabled else "user_enabled"
        before, after = {"disabled": user.disabled}, {"disabled": disabled}
        return _change(connection, actor, action, user, before, after, reason, _at(now))


def set_password(
    engine: Engine,
    actor: Actor,
    name: str,
    password: str,
    *,
    must_change_password: bool = True,
    reason: str = "",
    now: float | None = None,
) -> User:
    """Somebody else's password, given by an administrator. Ends the user's sessions.

    Raises ``AccountError``: ``user_unknown``, ``password_…``.
    """
    passwords.check(password, folded(name))
    kept = passwords.hashed(password)
    with _changing(engine) as connection:
        user = user_of(_known_row(connection, name))
        _keep_password(connection, user.id, kept, _at(now))
        before = {"must_change_password": user.must_change_password}
        after = {"must_change_password": must_change_password}
        return _change(connection, actor, "user_password_set", user, before, after, reason, _at(now))


def sign_in(
    engine: Engine, name: str, password: str, *, address: str, now: float, limits: SessionLimits | None = None
) -> SignedIn:
    """Opens a session. The user may have to change the password before anything else: see ``User.may``.

    Unknown user, wrong password and disabled user take the same time and give the same answer. Raises ``SignInError``.
    """
    chosen = folded(name)
    row, genuine, reservation = _attempt(engine, chosen, password, address=address, now=now)
    kept = row["password_hash"] if row is not None else ""
    newer = passwords.hashed(password) if genuine and passwords.is_outdated(kept) else None
    expired = False
    with _changing(engine) as connection:
        # The account may have been changed while the password was looked at.
        current = _row(connection, chosen) if genuine else None
        right = current is not None and current["password_hash"] == kept and not current["disabled"]
        expired = right and current is not None and _is_over(current, now)
        if current is None or not right or expired:
            _note_failure(connection, row, address, now)
        else:
            throttle.succeeded(connection, reservation)
            changes: dict[str, Any] = {"last_signed_in_at": now}
            if newer is not None:
                changes["password_hash"] = newer
            _update(connection, current["id"], changes)
            user = user_of(_known_row(connection, chosen))
            opened = sessions.start(connection, user, address=address, now=now, limits=limits or SessionLimits())
            audit.record(connection, Actor(user.name, address), "signed_in", _object(user.name), now=now)
            return opened
    # Only to who knows the password.
    raise SignInError("one_time_password_expired" if expired else "sign_in_failed")


def change_password(
    engine: Engine, user: User, old: str, new: str, *, address: str, now: float, limits: SessionLimits | None = None
) -> SignedIn:
    """A user's own change. All sessions of the user end, and a new one is opened.

    Raises ``AccountError`` (``password_wrong``, ``password_unchanged``, ``password_…``) and, since guessing the old one
    is throttled like signing in, ``SignInError`` (``sign_in_throttled``).
    """
    passwords.check(new, user.name)
    if passwords.are_same(old, new):
        raise AccountError("password_unchanged")
    row, genuine, reservation = _attempt(engine, user.name, old, address=address, now=now)
    if row is None or not genuine:
        with _changing(engine) as connection:
            _note_failure(connection, row, address, now)
        raise AccountError("password_wrong")
    kept = passwords.hashed(new)
    with _changing(engine) as connection:
        current = _known_row(connection, user.name)
        if current["password_hash"] != row["password_hash"] or current["disabled"]:
            raise AccountError("password_wrong")
        throttle.succeeded(connection, reservation)
        _keep_password(connection, user.id, kept, now)
        before = {"must_change_password": current["must_change_password"]}
        after = {"must_change_password": False}
        who = Actor(user.name, address)
        changed = _change(connection, who, "password_changed", user_of(current), before, after, "", now)
        return sessions.start(connection, changed, address=address, now=now, limits=limits or SessionLimits())


def purge(engine: Engine, *, now: float) -> None:
    """Housekeeping: drops old sessions and forgotten sign-in attempts. Once a day is enough."""
    sessions.purge(engine, now=now)
    throttle.purge(engine, now=now)


def folded(name: str) -> str:
    """How a name is kept and compared. What no database takes as text becomes a name that nobody can have."""
    text = name[:_LONGEST_LOOKED_AT].encode("utf-8", "replace").decode().replace("\0", "?")
    return text.strip().casefold()


@contextmanager
def _changing(engine: Engine) -> Iterator[Connection]:
    with writing(engine) as connection:
        audit.lock(connection)
        yield connection


def _attempt(engine: Engine, name: str, password: str, *, address: str, now: float) -> _Attempt:
    """Counts the attempt, then looks at the password."""
    with writing(engine) as connection:
        known = sessions.is_known(connection, name, address, now=now)
        reservation = throttle.reserve(connection, name, address, known=known, now=now)
        row = _row(connection, name)
    return _Attempt(row, passwords.matches(row["password_hash"] if row is not None else None, password), reservation)


def _is_over(row: RowMapping, now: float) -> bool:
    """Whether a password that somebody else gave was left unchanged for too long."""
    return bool(row["must_change_password"]) and now - row["password_changed_at"] > ONE_TIME_SECONDS


def _note_failure(connection: Connection, row: RowMapping | None, address: str, now: float) -> None:
    # A name that nobody has may be a password typed into the wrong field: it is not kept.
    name = row["name"] if row is not None else "?"
    facts: Facts | None = {"disabled": True} if row is not None and row["disabled"] else None
    audit.record(connection, Actor(name, address), "sign_in_failed", _object(name), after=facts, now=now)


def _insert(
    connection: Connection,
    actor: Actor,
    name: str,
    display_name: str,
    role: Role,
    kept: str,
    must_change_password: bool,
    now: float,
) -> User:
    shown = " ".join(display_name.split())[:_LONGEST_DISPLAY_NAME] or name
    connection.execute(
        user_account.insert().values(
            name=name,
            display_name=shown,
            password_hash=kept,
            role=role.value,
            disabled=False,
            must_change_password=must_change_password,
            created_at=now,
            password_changed_at=now,
        )
    )
    after = {"display_name": shown, "role": role.value, "must_change_password": must_change_password}
    audit.record(connection, actor, "user_created", _object(name), after=after, now=now)
    return user_of(_known_row(connection, name))


def _change(
    connection: Connection,
    actor: Actor,
    action: str,
    user: User,
    before: dict[str, Any],
    after: dict[str, Any],
    reason: str,
    now: float,
) -> User:
    """Changes columns of a user, ends every session and records it."""
    _update(connection, user.id, after)
    sessions.end_all(connection, user.id, now=now)
    audit.record(connection, actor, action, _object(user.name), before=before, after=after, reason=reason, now=now)
    return user_of(_known_row(connection, user.name))


def _keep_password(connection: Connection, user_id: int, kept: str, now: float) -> None:
    _update(connection, user_id, {"password_hash": kept, "password_changed_at": now})


def _update(connection: Connection, user_id: int, values: dict[str, Any]) -> None:
    connection.execute(update(user_account).where(user_account.c.id == user_id).values(values))


def _keep_an_administrator(connection: Connection, user: User) -> None:
    """Raises ``AccountError`` when nobody else could manage users without this one."""
    others = select(func.count()).where(
        user_account.c.role == Role.ADMINISTRADOR.value,
        user_account.c.disabled.is_(False),
        user_account.c.id != user.id,
    )
    if user.role is Role.ADMINISTRADOR and not user.disabled and connection.execute(others).scalar_one() == 0:
        raise AccountError("last_administrator", name=user.name)


def _known_row(connection: Connection, name: str) -> RowMapping:
    row = _row(connection, folded(name))
    if row is None:
        raise AccountError("user_unknown", name=name[:_LONGEST_LOOKED_AT])
    return row


def _row(connection: Connection, name: str) -> RowMapping | None:
    return connection.execute(select(user_account).where(user_account.c.name == name)).mappings().one_or_none()


def _count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(user_account)).scalar_one()


def _object(name: str) -> str:
    return f"user:{name}"


def _at(now: float | None) -> float:
    return time.time() if now is None else now
