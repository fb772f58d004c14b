"""Sessions of signed-in users: in the database alone, so that any server knows them and any server can end them.

The browser holds a random token; the database only its SHA-256. The token against forged requests (CSRF) follows from
the session's token, so it is bound to it and needs no place of its own.
"""

import hashlib
import hmac
import secrets
import time

import msgspec
from sqlalchemy import Connection, Engine, delete, select, update

from malote.accounts import audit, throttle
from malote.accounts.audit import Actor
from malote.accounts.user import COLUMNS, User, user_of
from malote.database.account_tables import user_account, user_session
from malote.database.engine import reading, writing

REMEMBER_SECONDS = 30 * 86400.0  # ended sessions, for the places that a user is known at
MOST_OF_ONE_USER = 20  # open at once

_TOUCH_SECONDS = 60.0  # between notes that a session is in use
_LONGEST_TOKEN = 128


class SessionLimits(msgspec.Struct, frozen=True):
    """How long a session lasts, in seconds."""

    idle: float = 3600.0  # without a request
    whole: float = 12 * 3600.0  # whatever is done with it: a shift


class UserSession(msgspec.Struct, frozen=True):
    user: User
    csrf: str
    expires_at: float  # seconds since the epoch


class SignedIn(msgspec.Struct, frozen=True):
    session_token: str  # for the cookie; kept nowhere else
    csrf_token: str
    user: User


def start(connection: Connection, user: User, *, address: str, now: float, limits: SessionLimits) -> SignedIn:
    """Opens a session with fresh tokens; a user's oldest ones beyond ``MOST_OF_ONE_USER`` end."""
    token = secrets.token_urlsafe(32)
    connection.execute(
        user_session.insert().values(
            token_hash=_hash(token),
            user_id=user.id,
            address=throttle.network(address),
            started_at=now,
            seen_at=now,
            expires_at=now + limits.whole,
        )
    )
    newest = (
        select(user_session.c.token_hash)
        .where(user_session.c.user_id == user.id, user_session.c.ended_at.is_(None))
        .order_by(user_session.c.started_at.desc(), user_session.c.token_hash)
        .limit(MOST_OF_ONE_USER)
    )
    beyond = user_session.c.token_hash.not_in(connection.execute(newest).scalars().all())
    _end(connection, now, user_session.c.user_id == user.id, beyond)
    return SignedIn(token, csrf_of(token), user)


def find(
    engine: Engine, token: str, *, now: float, touch: bool = True, limits: SessionLimits | None = None
) -> UserSession | None:
    """The open session of a token; None where it never was, has ended or expired, or its user was disabled.

    ``touch``: this request shows that somebody is there. A page that refreshes itself passes False.
    """
    if len(token) > _LONGEST_TOKEN:
        return None
    idle = (limits or SessionLimits()).idle
    query = (
        select(*COLUMNS, user_session.c.seen_at, user_session.c.expires_at)
        .join(user_account, user_account.c.id == user_session.c.user_id)
        .where(
            user_session.c.token_hash == _hash(token),
            user_session.c.ended_at.is_(None),
            user_session.c.expires_at > now,
            user_session.c.seen_at > now - idle,
            user_account.c.disabled.is_(False),
        )
    )
    with reading(engine) as connection:
        row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    if touch and row["seen_at"] < now - _TOUCH_SECONDS:
        with writing(engine) as connection:
            mine = user_session.c.token_hash == _hash(token)
            connection.execute(update(user_session).where(mine, user_session.c.seen_at < now).values(seen_at=now))
    return UserSession(user_of(row), csrf_of(token), row["expires_at"])


def csrf_of(token: str) -> str:
    """The token that a form of this session carries."""
    return hmac.new(token.encode("utf-8", "replace"), b"malote csrf", hashlib.sha256).hexdigest()


def is_genuine(session: UserSession, given: str) -> bool:
    """Whether a request carries its session's own CSRF token."""
    return hmac.compare_digest(session.csrf.encode(), given.encode("utf-8", "replace"))


def end(engine: Engine, token: str, *, now: float | None = None) -> None:
    """Signs out. A token that has no open session is none the worse."""
    at = time.time() if now is None else now
    mine = user_session.c.token_hash == _hash(token)
    with writing(engine) as connection:
        audit.lock(connection)  # before the session's row, as everybody who ends sessions does
        query = select(user_account.c.name, user_session.c.address).join(
            user_account, user_account.c.id == user_session.c.user_id
        )
        row = connection.execute(query.where(mine, user_session.c.ended_at.is_(None))).one_or_none()
        if row is not None and _end(connection, at, mine):
            audit.record(connection, Actor(row.name, row.address), "signed_out", f"user:{row.name}", now=at)


def end_all(connection: Connection, user_id: int, *, now: float) -> int:
    """Ends every open session of a user; how many there were."""
    return _end(connection, now, user_session.c.user_id == user_id)


def is_known(connection: Connection, name: str, address: str, *, now: float) -> bool:
    """Whether the user signed in from this address within ``REMEMBER_SECONDS``."""
    query = (
        select(user_session.c.user_id)
        .join(user_account, user_account.c.id == user_session.c.user_id)
        .where(
            user_account.c.name == name,
            user_session.c.address == throttle.network(address),
            user_session.c.started_at > now - REMEMBER_SECONDS,
        )
        .limit(1)
    )
    return connection.execute(query).first() is not None


def purge(engine: Engine, *, now: float) -> int:
    """Drops sessions that nobody needs any more; how many."""
    with writing(engine) as connection:
        old = user_session.c.expires_at < now - REMEMBER_SECONDS
        return connection.execute(delete(user_session).where(old)).rowcount


def _end(connection: Connection, now: float, *which: object) -> int:
    query = update(user_session).where(user_session.c.ended_at.is_(None), *which)  # type: ignore[arg-type]
    return connection.execute(query.values(ended_at=now)).rowcount


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
