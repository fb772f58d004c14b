"""Which sessions of the ERP belong to posters at work now, as they wrote it down themselves when they connected.

A name proves nothing: anybody may call their program ``malote-…``. A session is a poster's where number and beginning
are those written here. A row is a lease: a poster that died without a word no longer protects what it left behind.
"""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, delete, select, text

from malote import log as logs
from malote.database.engine import reading, writing
from malote.database.errors import StoreError
from malote.database.lock_tables import poster_session, poster_sign
from malote.spool import outages

LASTS_SECONDS = 120.0  # longer than any statement of a poster's waits
RENEW_SECONDS = 30.0
ABSENT_SECONDS = 90.0  # after its last word a poster is told to be away: three times as long as between two words
FORGET_SECONDS = 3600.0

log = logs.get_logger("malote.posting")


class PosterPresence:
    """One poster's. For one thread. A store database that is away keeps nobody from posting: it is tried again."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time, owner: str = "") -> None:
        """``owner``: the name under which it gives a sign of life, in a session or not; "" for none."""
        self._owner = owner
        self._signed: tuple[float, str] | None = None
        self._told: tuple[str, Mapping[str, str]] = ("", {})  # the trouble, and its facts
        self._since: float | None = None  # that the same trouble lasts
        self._engine = engine
        self._clock = clock
        self._session: tuple[str, str] | None = None
        self._noted_at = float("-inf")

    def at(self, key: str, began: str) -> None:
        """The poster works in this session of the ERP now: ``SessionIdentity`` (erp/sessions/) has the two texts. What
        kept it from booking keeps it still, for all that is known: a session that began has booked nothing."""
        if self._session != (key, began):
            self._leave()
            self._session, self._noted_at = (key, began), float("-inf")
        self.renew(*self._told)

    def renew(self, trouble: str = "", facts: Mapping[str, str] | None = None) -> None:
        """Call it now and then, idle or not. ``trouble``: the code that keeps it from booking, with its facts."""
        now = self._clock()
        self._told = trouble, facts or {}
        self._sign(now, *self._told)
        if self._session is None or 0 <= now - self._noted_at < RENEW_SECONDS:
            return
        key, began = self._session
        try:
            with writing(self._engine) as connection:
                connection.execute(delete(poster_session).where(poster_session.c.until < now))
                connection.execute(_NOTE, {"key": key, "began": began, "until": now + LASTS_SECONDS})
            self._noted_at = now
        except StoreError as error:
            log.warning("presence_not_noted", code=error.code)

    def _sign(self, now: float, trouble: str, facts: Mapping[str, str]) -> None:
        if self._signed is not None:
            at, said = self._signed
            if said == trouble and 0 <= now - at < RENEW_SECONDS:
                return
        if not self._owner:
            return
        lasts = self._signed is not None and self._signed[1] == trouble
        self._since = None if not trouble else self._since if lasts else now
        told = msgspec.json.encode(dict(facts)).decode()
        row = {"owner": self._owner, "at": now, "trouble": trouble, "facts": told, "since": self._since}
        try:
            with writing(self._engine) as connection:
                # One that died without a word shows for an hour.
                connection.execute(delete(poster_sign).where(poster_sign.c.at < now - FORGET_SECONDS))
                connection.execute(_SIGN, row)
                if not trouble:
                    outages.possible(connection, now)
            self._signed = (now, trouble)
        except StoreError as error:
            log.warning("presence_not_noted", code=error.code)

    def close(self) -> None:
        """The poster stops."""
        self._leave()
        self._session = None
        if self._signed is None:
            return
        try:
            with writing(self._engine) as connection:
                connection.execute(delete(poster_sign).where(poster_sign.c.owner == self._owner))
        except StoreError as error:
            log.warning("presence_not_noted", code=error.code)

    def _leave(self) -> None:
        if self._session is None:
            return
        key, began = self._session
        mine = (poster_session.c.session == key) & (poster_session.c.began == began)
        try:
            with writing(self._engine) as connection:
                connection.execute(delete(poster_session).where(mine))
        except StoreError as error:
            log.warning("presence_not_noted", code=error.code)  # it runs out by itself


def present(engine: Engine, now: float) -> frozenset[tuple[str, str]]:
    """The sessions of all posters that work over this store database: number and beginning. Raises ``StoreError``.

    A beginning of "" stands for an engine that never gives a number twice.
    """
    # One that ends later than any is set to was set by a clock that was put back since.
    alive = poster_session.c.until.between(now, now + LASTS_SECONDS)
    query = select(poster_session.c.session, poster_session.c.began).where(alive)
    with reading(engine) as connection:
        return frozenset((row.session, row.began) for row in connection.execute(query))


class Sign(NamedTuple):
    """A poster's last sign of life. ``trouble`` is a code, or ""; with its facts, and since when it lasts."""

    at: float
    trouble: str
    facts: Mapping[str, str] = {}
    since: float | None = None

    def is_alive(self, now: float) -> bool:
        return abs(now - self.at) < ABSENT_SECONDS


def signs(engine: Engine) -> list[Sign]:
    """Of all posters that didn't say goodbye. Raises ``StoreError``."""
    with reading(engine) as connection:
        return signs_in(connection)


def signs_in(connection: Connection) -> list[Sign]:
    """The same on a connection that is open."""
    return [Sign(row.at, row.trouble, _facts(row.facts), row.since) for row in connection.execute(select(poster_sign))]


def _facts(said: str | None) -> dict[str, str]:
    return msgspec.json.decode(said, type=dict[str, str]) if said else {}


def watched(engine: Engine, clock: Callable[[], float] = time.time) -> frozenset[tuple[str, str]]:
    """The same for a look at the ERP, which goes on while the store database is away: then nobody is known."""
    try:
        return present(engine, clock())
    except StoreError:
        return frozenset()


_NOTE = text(
    "INSERT INTO poster_session (session, began, until) VALUES (:key, :began, :until)"
    " ON CONFLICT (session, began) DO UPDATE SET until = excluded.until"
)
_SIGN = text(
    "INSERT INTO poster_sign (owner, at, trouble, facts, since) VALUES (:owner, :at, :trouble, :facts, :since)"
    " ON CONFLICT (owner) DO UPDATE SET at = excluded.at, trouble = excluded.trouble, facts = excluded.facts,"
    " since = excluded.since"
)
