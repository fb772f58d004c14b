"""DBA logins of open console sessions: in this process' memory, for some minutes, and nowhere else."""

import hashlib
import threading
import time
from collections.abc import Callable

import msgspec

from malote.backoff import certain, pause
from malote.erp.sessions.errors import SessionsError
from malote.erp.sessions.protocol import DbaLogin
from malote.locks.lock_reports import DatabaseLogin

FREE_FAILURES = 3  # of one database user; most servers lock an account after more
_FIRST_DELAY = 5.0
_LONGEST_DELAY = 60.0


class _Kept:
    __slots__ = ("login", "signed_in", "timer")

    def __init__(self, login: DbaLogin, signed_in: DatabaseLogin, timer: threading.Timer) -> None:
        self.login = login
        self.signed_in = signed_in
        self.timer = timer


class _Failures(msgspec.Struct):
    count: int
    last: float


class Logins:
    """Safe for threads. A login goes at sign-out or when its time is over, whether anybody looks or not."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.time) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[bytes, _Kept] = {}
        self._failures: dict[str, _Failures] = {}

    def keep(self, visit: str, login: DbaLogin, missing: list[str], *, password_asked: bool) -> DatabaseLogin:
        """From now on the visit's login, until its time is over."""
        key = _key(visit)
        signed_in = DatabaseLogin(login.user, self._clock() + self._seconds, missing, password_asked)
        timer = threading.Timer(self._seconds, self._forget, (key, signed_in))
        timer.daemon = True
        with self._lock:
            before = self._kept.pop(key, None)
            self._kept[key] = _Kept(login, signed_in, timer)
        if before is not None:
            before.timer.cancel()
        timer.start()
        return signed_in

    def find(self, visit: str) -> tuple[DbaLogin, DatabaseLogin] | None:
        with self._lock:
            kept = self._kept.get(_key(visit))
        if kept is None or kept.signed_in.until <= self._clock():
            return None
        return kept.login, kept.signed_in

    def drop(self, visit: str) -> str | None:
        """Forgets the visit's login; whose it was."""
        with self._lock:
            kept = self._kept.pop(_key(visit), None)
        if kept is None:
            return None
        kept.timer.cancel()
        return kept.login.user

    def drop_all(self) -> None:
        with self._lock:
            kept = list(self._kept.values())
            self._kept.clear()
        for one in kept:
            one.timer.cancel()

    def check(self, user: str) -> None:
        """Raises ``dba_login_throttled`` while the database's own limit of wrong passwords must not be run into."""
        with self._lock:
            failures = self._failures.get(user.lower())
            if failures is None or failures.count < FREE_FAILURES:
                return
            delay = pause(failures.count - FREE_FAILURES, _FIRST_DELAY, _LONGEST_DELAY, dice=certain)
            left = failures.last + delay - self._clock()
        if left > 0:
            raise SessionsError("dba_login_throttled", seconds=f"{left:.0f}")

    def failed(self, user: str) -> None:
        with self._lock:
            before = self._failures.get(user.lower())
            self._failures[user.lower()] = _Failures(before.count + 1 if before else 1, self._clock())
            while len(self._failures) > 1000:
                self._failures.pop(next(iter(self._failures)))

    def succeeded(self, user: str) -> None:
        with self._lock:
            self._failures.pop(user.lower(), None)

    def _forget(self, key: bytes, signed_in: DatabaseLogin) -> None:
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept.signed_in is signed_in:
                del self._kept[key]


def _key(visit: str) -> bytes:
    """Not the console session's token itself."""
    return hashlib.sha256(visit.encode("utf-8", "replace")).digest()
