"""Tills: their names, their tokens, and their signs of life."""

import math
import re
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Subquery, case, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from malote.accounts import audit
from malote.accounts.audit import SYSTEM, Actor
from malote.database.chunks import CHUNK
from malote.database.engine import reading, writing
from malote.database.tables import till as tills
from malote.explained_error import ExplainedError
from malote.remembered import Remembered
from malote.trust import tokens
from malote.trust.principals import Credential, CredentialError, Principal

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
LONGEST_LABEL = 80  # characters
# Windows takes these for devices, in any folder and any case.
_RESERVED = {"con", "prn", "aux", "nul", *(f"{device}{digit}" for device in ("com", "lpt") for digit in range(10))}


class Till(msgspec.Struct, frozen=True):
    id: int
    name: str  # safe as the name of a folder
    label: str  # for people
    created_at: float  # seconds since the epoch
    disabled_at: float | None


class TillError(ExplainedError):
    """A till can't be made or found. ``code``: ``till_name_invalid``, ``till_label_too_long``, ``till_exists`` or
    ``till_unknown``."""

    def __init__(self, code: str, name: str, **facts: str) -> None:
        super().__init__(code, till=name, **facts)
        self.name = name


def check_name(name: str) -> str:
    """The name, which is safe in a path on every system. Raises ``TillError``."""
    if not _NAME.fullmatch(name) or name.lower() in _RESERVED:
        raise TillError("till_name_invalid", name)
    return name


def create_till(engine: Engine, name: str, label: str = "", *, actor: Actor = SYSTEM) -> tuple[Till, str]:
    """A new till and its token, which is told only now: the database keeps a hash of it.

    Raises ``TillError``. Names that differ only in capitals count as one.
    """
    check_name(name)
    if len(label) > LONGEST_LABEL:
        raise TillError("till_label_too_long", name, longest=str(LONGEST_LABEL), length=str(len(label)))
    secret = tokens.new_secret()
    now = time.time()
    values = {
        "name": name,
        "name_key": name.lower(),
        "label": label,
        "token_hash": tokens.hash_of(secret),
        "created_at": now,
    }
    try:
        with writing(engine) as connection:
            till_id = connection.execute(insert(tills).values(values).returning(tills.c.id)).scalar_one()
            audit.record(connection, actor, "till_created", f"till:{name}", after={"label": label}, now=now)
    except IntegrityError as error:
        raise TillError("till_exists", name) from error
    return Till(till_id, name, label, now, None), tokens.written(till_id, secret)


def new_token(engine: Engine, name: str, *, actor: Actor = SYSTEM) -> str:
    """A new token for the till; the old one is worth nothing from now on. Raises ``TillError``."""
    secret = tokens.new_secret()
    with writing(engine) as connection:
        found = _find(connection, name)
        connection.execute(update(tills).where(tills.c.id == found.id).values(token_hash=tokens.hash_of(secret)))
        audit.record(connection, actor, "till_key_renewed", f"till:{found.name}", now=time.time())
    return tokens.written(found.id, secret)


def by_token(engine: Engine, credential: Credential) -> Principal[Till] | None:
    """The till that owns the token; None where it is none of a till's. Raises ``CredentialError``, ``StoreError``."""
    till_id, secret = tokens.parted(credential.text)
    if credential.scheme != "bearer" or not till_id:
        return None
    with reading(engine) as connection:
        row = connection.execute(select(*_COLUMNS, tills.c.token_hash).where(tills.c.id == till_id)).one_or_none()
    if not tokens.is_right(secret, row and row.token_hash) or row is None:
        raise CredentialError("token_invalid")
    return principal(_till(row))


def principal(till: Till) -> Principal[Till]:
    """The till as somebody who may speak, however it showed who it is. Raises ``CredentialError`` of a disabled one."""
    if till.disabled_at is not None:
        raise CredentialError("till_disabled")
    return Principal("till", till.id, till.name, till)


def disable(engine: Engine, name: str, *, actor: Actor = SYSTEM) -> None:
    """From now on nothing of this till is taken. What was taken goes its way. Raises ``TillError``."""
    _set_disabled(engine, name, time.time(), actor)


def enable(engine: Engine, name: str, *, actor: Actor = SYSTEM) -> None:
    """Raises ``TillError``."""
    _set_disabled(engine, name, None, actor)


def note_slowed(engine: Engine, till_id: int, per_minute: int) -> None:
    """Tells who looks at the tills, or reads the trail, that this one brings so many rejects that it is made to wait.

    Raises ``StoreError``.
    """
    now = time.time()
    with writing(engine) as connection:
        name = connection.execute(select(tills.c.name).where(tills.c.id == till_id)).scalar()
        audit.record(
            connection, SYSTEM, "till_slowed", f"till:{name}", after={"rejects_per_minute": per_minute}, now=now
        )
        connection.execute(update(tills).where(tills.c.id == till_id).values(slowed_at=now))


def find_till(engine: Engine, name: str) -> Till:
    """Whatever the capitals of the name. Raises ``TillError``."""
    with reading(engine) as connection:
        return _find(connection, name)


def ids_of(till_ids: Sequence[int]) -> Subquery:
    """The tills with these ids, for a question that is asked once of each; of more than a chunk, all that there are."""
    query = select(tills.c.id)
    return (query if len(till_ids) > CHUNK else query.where(tills.c.id.in_(till_ids))).subquery()


def names_and_contacts() -> Subquery:
    """Each till's ``id``, ``name``, ``name_key`` and ``last_contact_at``, for a question of another room that joins
    them."""
    return select(tills.c.id, tills.c.name, tills.c.name_key, tills.c.last_contact_at).subquery()


def last_contacts(connection: Connection, till_ids: Collection[int] | None = None) -> dict[int, float]:
    """When each of these, of more than a chunk or without them each there is, was last heard of, in seconds since the
    epoch; without those of which nothing ever was."""
    query = select(tills.c.id, tills.c.last_contact_at).where(tills.c.last_contact_at.is_not(None))
    if till_ids is not None and len(till_ids) <= CHUNK:
        query = query.where(tills.c.id.in_(till_ids))
    return {row.id: row.last_contact_at for row in connection.execute(query)}


def heard(connection: Connection, since: float) -> tuple[int, int, int]:
    """Of how many tills anything was ever heard; and for those that were heard since then, in seconds since the epoch,
    how many they are and the sum of their ids: another answer once one comes or goes."""
    lately = case((tills.c.last_contact_at >= since, tills.c.id))
    query = select(func.count(tills.c.last_contact_at), func.count(lately), func.coalesce(func.sum(lately), 0))
    row = connection.execute(query).one()
    return int(row[0]), int(row[1]), int(row[2])


def lock(connection: Connection, till_ids: Sequence[int]) -> None:
    """Nobody else gives orders to these tills, at most a chunk, until the transaction ends."""
    query = select(tills.c.id).where(tills.c.id.in_(till_ids)).order_by(tills.c.id)
    connection.execute(query.with_for_update(key_share=True)).all()


def list_tills(engine: Engine) -> list[Till]:
    """All tills by name, disabled ones too."""
    with reading(engine) as connection:
        return [_till(row) for row in connection.execute(select(*_COLUMNS).order_by(tills.c.name_key))]


def listed(engine: Engine) -> Callable[[], list[Till]]:
    """``list_tills``, read anew only when the tills are others than before. Safe for threads."""
    known = Remembered[tuple[object, ...], list[Till]](lambda _: list_tills(engine), math.inf, most=1)
    query = select(
        func.count(), func.max(tills.c.id), func.count(tills.c.disabled_at), func.sum(tills.c.disabled_at)
    ).select_from(tills)

    def ask() -> list[Till]:
        with reading(engine) as connection:
            stamp = tuple(connection.execute(query).one())
        return known(stamp)

    return ask


_COLUMNS = (tills.c.id, tills.c.name, tills.c.label, tills.c.created_at, tills.c.disabled_at)


def _till(row: Any) -> Till:
    return Till(row.id, row.name, row.label, row.created_at, row.disabled_at)


def _find(connection: Connection, name: str) -> Till:
    row = connection.execute(select(*_COLUMNS).where(tills.c.name_key == name.lower())).one_or_none()
    if row is None:
        raise TillError("till_unknown", name)
    return _till(row)


def _set_disabled(engine: Engine, name: str, at: float | None, actor: Actor) -> None:
    with writing(engine) as connection:
        found = _find(connection, name)
        connection.execute(update(tills).where(tills.c.id == found.id).values(disabled_at=at))
        action = "till_enabled" if at is None else "till_disabled"
        audit.record(connection, actor, action, f"till:{found.name}", now=time.time())
