"""Sign-in attempts that fail make the next ones wait, longer each time, and never longer than a minute.

Failures are counted for the pair of user and address, for the user from anywhere, and for the address. Where a user
signed in before, only the pair counts, so that nobody elsewhere can keep a user out. An attempt counts as failed before
its password is looked at, so that a hundred at once are no way round.

What people type as a name may be a password: only 16 bits of a hash are kept, which also bounds the table.
"""

import hashlib
import ipaddress
from typing import Literal, get_args

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, update

from malote.accounts.errors import SignInError
from malote.backoff import certain, pause
from malote.database.account_tables import sign_in_attempt
from malote.database.engine import writing
from malote.database.upserting import insert_into

Kind = Literal["address", "pair", "user"]  # always locked in this order, so that two attempts never wait in a ring

FORGET_SECONDS = 3600.0  # without a failure


class Limit(msgspec.Struct, frozen=True):
    free: int  # failures that cost nothing
    longest: float  # seconds


LIMITS: dict[Kind, Limit] = {
    "address": Limit(free=20, longest=60.0),
    "pair": Limit(free=4, longest=60.0),
    "user": Limit(free=12, longest=30.0),
}


class Reservation(msgspec.Struct, frozen=True):
    """An attempt that counts as failed."""

    name: str
    address: str
    kinds: tuple[Kind, ...]


def delay(kind: Kind, failures: int) -> float:
    """Seconds to wait after so many failures: nothing, then 1, 2, 4… up to the longest."""
    limit = LIMITS[kind]
    over = failures - limit.free
    return pause(over - 1, 1.0, limit.longest, dice=certain) if over > 0 else 0.0


def reserve(connection: Connection, name: str, address: str, *, known: bool, now: float) -> Reservation:
    """Counts an attempt, as failed until ``succeeded`` says otherwise. Commit it before looking at the password.

    ``known``: the user signed in from this address before. Raises ``SignInError`` (``sign_in_throttled``) while the
    time has not passed; that attempt counts for nothing.
    """
    kinds: tuple[Kind, ...] = ("pair",) if known else get_args(Kind)
    counts = {kind: _count(connection, kind, _bucket(kind, name, address), now) for kind in kinds}
    wait = max(wait for _, wait in counts.values())
    if wait > 0:
        raise SignInError("sign_in_throttled", retry_after=wait)
    for kind, (failures, _) in counts.items():
        failed = {"failures": failures + 1, "failed_at": now, "blocked_until": now + delay(kind, failures + 1)}
        connection.execute(update(sign_in_attempt).where(_is(kind, name, address)).values(failed))
    return Reservation(name, address, kinds)


def succeeded(connection: Connection, reservation: Reservation) -> None:
    """Takes back a reserved attempt, and forgives the earlier ones of this user at this address.

    No others: a good account must not buy guesses at the others, nor a user's own sign-in guesses for everybody else.
    """
    for kind in reservation.kinds:
        there = _is(kind, reservation.name, reservation.address)
        if kind == "pair":
            connection.execute(delete(sign_in_attempt).where(there))
        else:
            fewer = {"failures": sign_in_attempt.c.failures - 1}
            connection.execute(update(sign_in_attempt).where(there, sign_in_attempt.c.failures > 0).values(fewer))


def purge(engine: Engine, *, now: float) -> None:
    """Drops what would be forgotten anyway."""
    with writing(engine) as connection:
        connection.execute(delete(sign_in_attempt).where(sign_in_attempt.c.failed_at < now - FORGET_SECONDS))


def _count(connection: Connection, kind: Kind, bucket: int, now: float) -> tuple[int, float]:
    """Failures so far and seconds still to wait; the row is locked, made first where there is none."""
    fresh = {"kind": kind, "bucket": bucket, "failures": 0, "failed_at": now, "blocked_until": 0.0}
    # One statement: between a look whether there is a row and its lock, a good sign-in elsewhere would delete it.
    found = insert_into(connection, sign_in_attempt).values(fresh)
    kept = found.on_conflict_do_update(
        index_elements=["kind", "bucket"], set_={"failures": sign_in_attempt.c.failures}
    ).returning(sign_in_attempt)
    row = connection.execute(kept).one()
    # A clock that was set back must not turn a minute into a year.
    wait = row.blocked_until - now
    wait = wait if 0 < wait <= LIMITS[kind].longest else 0.0
    return (0 if row.failed_at < now - FORGET_SECONDS else row.failures), wait


def _is(kind: Kind, name: str, address: str) -> ColumnElement[bool]:
    return and_(sign_in_attempt.c.kind == kind, sign_in_attempt.c.bucket == _bucket(kind, name, address))


def _bucket(kind: Kind, name: str, address: str) -> int:
    place = network(address)
    subject = {"address": place, "pair": f"{name}\0{place}", "user": name}[kind]
    return int.from_bytes(hashlib.sha256(f"{kind}\0{subject}".encode("utf-8", "replace")).digest()[:2])


def network(address: str) -> str:
    """What one party can hardly change: an IPv4 address, the first half of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), 64), strict=False))
