"""The audit trail: who did what, when, from where, on what, and why. Rows are only added, each chained to the last.

An entry's hash is the SHA-256 over the hash before it (32 zero bytes for the first) and the row as a JSON array without
spaces, non-ASCII characters escaped: ``[id, at, actor, address, action, object, before, after, reason]``. Anybody can
recompute it. Never put a consumer's data or a secret into an entry: it can't be taken out again.
"""

import getpass
import hashlib
import json
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Engine, RowMapping, func, select, update

from malote.database.account_tables import audit_entry, audit_head
from malote.database.engine import reading

Facts = Mapping[str, str | int | float | bool | Sequence[str] | None]

FIRST_HASH = bytes(32)

_PAGE = 1000  # rows at a time while verifying
_SECRETS = frozenset({"password", "password_hash", "token", "token_hash", "csrf", "secret", "cpf"})


class Actor(msgspec.Struct, frozen=True):
    """Who acts, and from where."""

    name: str  # a user's, or "cli:<user of the operating system>", or "system"
    address: str = ""


SYSTEM = Actor("system")
RESTORED = "store_restored"  # what is done where a backup takes a server's place


class AuditEntry(msgspec.Struct, frozen=True):
    id: int
    at: float  # seconds since the epoch
    actor: str
    address: str
    action: str  # a code such as "user_disabled"
    object: str  # such as "user:maria" or "document:4711"
    before: dict[str, Any]
    after: dict[str, Any]
    reason: str  # as typed by the person
    hash: str  # hex


class Head(msgspec.Struct, frozen=True):
    """The newest entry. Noted down elsewhere, it proves later that nothing up to it was altered or taken away."""

    entry_id: int  # 0 while there is none
    hash: str  # hex


class Broken(msgspec.Struct, frozen=True):
    """The first entry that isn't what it was when it was written."""

    entry_id: int
    problem: Literal["altered", "missing", "unexpected"]


def command_line() -> Actor:
    """The actor of a command: the operating system's user on this machine."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "?"  # a container's user may have no name
    return Actor(f"cli:{name}", socket.gethostname())


def lock(connection: Connection) -> Head:
    """Keeps other writers of audited actions out until this transaction ends."""
    row = connection.execute(select(audit_head).where(audit_head.c.id == 1).with_for_update()).one()
    return Head(row.entry_id, row.hash.hex())


def record(
    connection: Connection,
    actor: Actor,
    action: str,
    on: str,
    *,
    before: Facts | None = None,
    after: Facts | None = None,
    reason: str = "",
    now: float | None = None,
) -> int:
    """Adds an entry in the transaction of the action itself, and returns its id.

    ``connection`` is one of ``database.engine.writing``. Call it after the action's own statements: from here to the
    commit, other audited actions wait. Raises ``ValueError`` for a fact whose name says that it is a secret.
    """
    head = lock(connection)
    row = {
        "id": head.entry_id + 1,
        "at": round(time.time() if now is None else now, 3),
        "actor": _clean(actor.name),
        "address": _clean(actor.address),
        "action": action,
        "object": _clean(on),
        "before": _json(before),
        "after": _json(after),
        "reason": _clean(reason),
    }
    digest = chained(bytes.fromhex(head.hash), row)
    connection.execute(audit_entry.insert().values(**row, hash=digest))
    connection.execute(update(audit_head).where(audit_head.c.id == 1).values(entry_id=row["id"], hash=digest))
    return head.entry_id + 1


def chained(previous: bytes, row: Mapping[str, Any] | RowMapping) -> bytes:
    """The hash of a row that follows one with the hash ``previous``."""
    fields = ("id", "at", "actor", "address", "action", "object", "before", "after", "reason")
    canonical = json.dumps([row[field] for field in fields], separators=(",", ":"))
    return hashlib.sha256(previous + canonical.encode("ascii")).digest()


def entries(
    engine: Engine,
    *,
    before_id: int | None = None,
    limit: int = 100,
    user: str | None = None,
    action: str | None = None,
    on: str | None = None,
) -> list[AuditEntry]:
    """A page of the trail, newest first. The next page: ``before_id`` = the id of this one's last entry."""
    query = select(audit_entry).order_by(audit_entry.c.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(audit_entry.c.id < before_id)
    for column, wanted in ((audit_entry.c.actor, user), (audit_entry.c.action, action), (audit_entry.c.object, on)):
        if wanted is not None:
            query = query.where(column == wanted)
    with reading(engine) as connection:
        return [_entry(row) for row in connection.execute(query).mappings()]


def head(engine: Engine) -> Head:
    """The newest entry."""
    with reading(engine) as connection:
        row = connection.execute(select(audit_head)).one()
        return Head(row.entry_id, row.hash.hex())


def verify(engine: Engine, noted: Head | None = None) -> Broken | None:
    """Recomputes the whole chain; None when it holds.

    With a head ``noted`` earlier, also finds a trail that was rewritten as a whole or cut off behind it.
    """
    with reading(engine) as connection:
        newest = select(func.coalesce(func.max(audit_entry.c.id), 0)).scalar_subquery()
        end = connection.execute(select(audit_head.c.entry_id, audit_head.c.hash, newest.label("newest"))).one()
        if noted is not None and noted.entry_id > end.entry_id:
            return Broken(end.entry_id + 1, "missing")
        previous, expected = FIRST_HASH, 1
        for row in _rows(connection, end.entry_id):
            if row["id"] != expected:
                return Broken(expected, "missing")
            if chained(previous, row) != row["hash"] or _differs(row, noted):
                return Broken(row["id"], "altered")
            previous, expected = row["hash"], expected + 1
        if expected <= end.entry_id:
            return Broken(expected, "missing")
        if end.newest > end.entry_id:
            return Broken(end.entry_id + 1, "unexpected")
        return None if previous == end.hash else Broken(end.entry_id, "altered")


def _rows(connection: Connection, last_id: int) -> Iterator[RowMapping]:
    """All rows up to ``last_id`` in order, read in steps."""
    after = None
    while True:
        query = select(audit_entry).where(audit_entry.c.id <= last_id).order_by(audit_entry.c.id).limit(_PAGE)
        page = connection.execute(query if after is None else query.where(audit_entry.c.id > after)).mappings().all()
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1]["id"]


def _differs(row: RowMapping, noted: Head | None) -> bool:
    return noted is not None and row["id"] == noted.entry_id and row["hash"].hex() != noted.hash


def _entry(row: RowMapping) -> AuditEntry:
    facts = {name: _facts(row[name]) for name in ("before", "after")}
    return AuditEntry(**(dict(row) | facts | {"hash": row["hash"].hex()}))


def _facts(text: str) -> dict[str, Any]:
    """Facts as they were recorded; for a text that somebody altered, the text."""
    try:
        facts = json.loads(text) if text else {}
    except ValueError:
        return {"?": text}
    return facts if isinstance(facts, dict) else {"?": text}


def _json(facts: Facts | None) -> str:
    if facts is None:
        return ""
    secrets = _SECRETS & facts.keys()
    if secrets:
        raise ValueError(f"not for the audit trail: {', '.join(sorted(secrets))}")
    return _clean(json.dumps(dict(facts), ensure_ascii=False, sort_keys=True, separators=(",", ":")))


def _clean(text: str) -> str:
    """Without what a database's text can't hold: lone surrogates and NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "�")
