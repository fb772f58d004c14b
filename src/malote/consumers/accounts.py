"""Consumers: who is told of sales beside the ERP, by which way, and with which right.

A consumer pulls with a token, is called at an address (a webhook), or has a folder. Of a token the database keeps a
hash; a webhook's secret is derived from the server's own key and stored nowhere.
"""

import time
from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from malote.accounts import audit
from malote.accounts.audit import SYSTEM, Actor
from malote.database.consumer_tables import consumer as consumers
from malote.database.engine import reading, writing
from malote.explained_error import ExplainedError
from malote.tills.till import TillError, check_name
from malote.trust import tokens
from malote.trust.principals import Credential, CredentialError, Principal

Kind = Literal["pull", "webhook", "folder"]
Scope = Literal["read", "personal"]  # personal: with the CPF or CNPJ that a sale names as its consumer's
KINDS: tuple[Kind, ...] = get_args(Kind)

_PREFIX = "c"  # before the number in a token, so that a till's is never taken for a consumer's


class Consumer(msgspec.Struct, frozen=True):
    """``got``: everything of the feed up to this number. Times are seconds since the epoch."""

    id: int
    name: str
    kind: Kind
    scopes: tuple[Scope, ...]
    address: str  # of a webhook, or a folder's path
    secret_number: int
    created_at: float
    revoked_at: float | None
    got: int
    got_at: float | None
    failing_since: float | None
    attempts: int  # in vain, one after the other
    retry_at: float | None
    failure: str | None  # JSON, spool.documents.Reason

    @property
    def personal(self) -> bool:
        return "personal" in self.scopes


class ConsumerError(ExplainedError):
    """``code``: ``consumer_name_invalid``, ``consumer_exists`` or ``consumer_unknown``."""

    def __init__(self, code: str, name: str) -> None:
        super().__init__(code, consumer=name)


class WantedConsumer(msgspec.Struct, frozen=True):
    """A consumer to be. ``got``: the number up to which it wants nothing."""

    name: str
    kind: Kind
    address: str = ""
    personal: bool = False
    got: int = 0


def add(engine: Engine, wanted: WantedConsumer, *, actor: Actor = SYSTEM) -> tuple[Consumer, str]:
    """A new consumer and, if it pulls, its token, which is told only now. Raises ``ConsumerError``."""
    try:
        check_name(wanted.name)
    except TillError as error:
        raise ConsumerError("consumer_name_invalid", wanted.name) from error
    secret = tokens.new_secret()
    now = time.time()
    values = {
        "name": wanted.name,
        "name_key": wanted.name.lower(),
        "kind": wanted.kind,
        "scopes": "read personal" if wanted.personal else "read",
        "address": wanted.address,
        "token_hash": tokens.hash_of(secret) if wanted.kind == "pull" else None,
        "secret_number": 1,
        "created_at": now,
        "got": wanted.got,
        "attempts": 0,
    }
    try:
        with writing(engine) as connection:
            consumer_id = connection.execute(insert(consumers).values(values).returning(consumers.c.id)).scalar_one()
            after = {"kind": wanted.kind, "personal": wanted.personal}
            audit.record(connection, actor, "consumer_added", f"consumer:{wanted.name}", after=after, now=now)
            found = _find(connection, wanted.name)
    except IntegrityError as error:
        raise ConsumerError("consumer_exists", wanted.name) from error
    return found, tokens.written(consumer_id, secret, _PREFIX) if wanted.kind == "pull" else ""


def renew(engine: Engine, name: str, *, actor: Actor = SYSTEM) -> tuple[Consumer, str]:
    """A new token, or the number of a new secret; the old one is worth nothing any more. Raises ``ConsumerError``."""
    secret = tokens.new_secret()
    with writing(engine) as connection:
        found = _find(connection, name)
        values: dict[str, Any] = {"secret_number": found.secret_number + 1}
        if found.kind == "pull":
            values["token_hash"] = tokens.hash_of(secret)
        connection.execute(update(consumers).where(consumers.c.id == found.id).values(values))
        audit.record(connection, actor, "consumer_key_renewed", f"consumer:{found.name}", now=time.time())
        renewed = _find(connection, name)
    return renewed, tokens.written(found.id, secret, _PREFIX) if found.kind == "pull" else ""


def revoke(engine: Engine, name: str, *, actor: Actor = SYSTEM) -> Consumer:
    """From now on it is told nothing, and holds nothing back. Raises ``ConsumerError``."""
    now = time.time()
    with writing(engine) as connection:
        found = _find(connection, name)
        if found.revoked_at is None:
            connection.execute(update(consumers).where(consumers.c.id == found.id).values(revoked_at=now))
            audit.record(connection, actor, "consumer_revoked", f"consumer:{found.name}", now=now)
        return _find(connection, name)


def find(engine: Engine, name: str) -> Consumer:
    """Whatever the capitals of the name; a revoked one too. Raises ``ConsumerError``."""
    with reading(engine) as connection:
        return _find(connection, name)


def listed(engine: Engine) -> list[Consumer]:
    """All consumers by name, revoked ones too. Raises ``StoreError``."""
    with reading(engine) as connection:
        return [_consumer(row) for row in connection.execute(select(*_COLUMNS).order_by(consumers.c.name_key))]


def by_token(engine: Engine, credential: Credential) -> Principal[Consumer] | None:
    """The consumer that owns the token; None where it is none of a consumer's. Raises ``CredentialError``."""
    consumer_id, secret = tokens.parted(credential.text, _PREFIX)
    if credential.scheme != "bearer" or not consumer_id:
        return None
    with reading(engine) as connection:
        query = select(*_COLUMNS, consumers.c.token_hash).where(consumers.c.id == consumer_id)
        row = connection.execute(query).one_or_none()
    if not tokens.is_right(secret, row and row.token_hash) or row is None or row.revoked_at is not None:
        raise CredentialError("token_invalid")
    found = _consumer(row)
    return Principal("consumer", found.id, found.name, found)


_COLUMNS = tuple(
    consumers.c[name]
    for name in (
        "id", "name", "kind", "scopes", "address", "secret_number", "created_at", "revoked_at", "got", "got_at",
        "failing_since", "attempts", "retry_at", "failure",
    )
)  # fmt: skip


def _consumer(row: Any) -> Consumer:
    values = [getattr(row, column.name) for column in _COLUMNS]
    values[3] = tuple(row.scopes.split())
    return Consumer(*values)


def _find(connection: Connection, name: str) -> Consumer:
    row = connection.execute(select(*_COLUMNS).where(consumers.c.name_key == name.lower())).one_or_none()
    if row is None:
        raise ConsumerError("consumer_unknown", name)
    return _consumer(row)
