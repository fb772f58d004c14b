"""Passwords: what may be one, how one is kept (Argon2id), and how one is made for somebody."""

import base64
import os
import secrets
import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from malote.accounts.errors import AccountError

SHORTEST = 12  # characters
LONGEST = 256
FEWEST_DIFFERENT = 6

# Above the least that OWASP's password storage cheat sheet names for Argon2id (19 MiB, 2 passes), and small enough
# for a store's server: about a tenth of a second and 32 MiB for each sign-in.
_HASHER = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1, hash_len=32, salt_len=16)

# A burst of sign-ins must not take the server's memory: no more than these are computed at once in one process.
_TURNS = threading.BoundedSemaphore(2)

_LONGEST_LOOKED_AT = 4096

# Rows of keys and words that people type when they are asked for a long password.
_PLAIN_RUNS = (
    "01234567890123456789",
    "98765432109876543210",
    "qwertyuiopasdfghjklzxcvbnm",
    "abcdefghijklmnopqrstuvwxyz",
)
_PLAIN_WORDS = ("password", "senha", "malote", "mudar", "administrador", "admin", "supermercado", "faturamento")
_LONGEST_PLAIN_REST = 5  # characters beside the plain word or run

# Letters and digits that nobody confuses on paper or on the telephone.
_LEGIBLE = "abcdefghjkmnpqrstuvwxyz23456789"


def check(password: str, user_name: str) -> None:
    """Raises ``AccountError`` unless ``password`` may be the user's.

    Length counts, not a mixture of kinds of characters (NIST SP 800-63B, 5.1.1.2).
    """
    normal = _normal(password)
    if len(normal) < SHORTEST:
        raise AccountError("password_too_short", least=str(SHORTEST))
    if len(normal) > LONGEST:
        raise AccountError("password_too_long", most=str(LONGEST))
    if _is_plain(normal.casefold(), user_name):
        raise AccountError("password_too_plain")


def hashed(password: str) -> str:
    """The Argon2id hash to keep, with its own salt and parameters in it."""
    with _TURNS:
        return _HASHER.hash(_bytes(password))


def matches(kept: str | None, password: str) -> bool:
    """Whether ``password`` belongs to the kept hash. Without a hash it takes the same time, and doesn't."""
    try:
        with _TURNS:
            _HASHER.verify(kept if kept is not None else _decoy(), _bytes(password))
    except (VerificationError, InvalidHashError):
        # A hash that was damaged in the database lets nobody in either; an administrator sets a new password.
        return False
    return kept is not None


def are_same(one: str, other: str) -> bool:
    return _bytes(one) == _bytes(other)


def is_outdated(kept: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(kept)


def one_time() -> str:
    """A random password of 99 bits in legible groups, for a first sign-in."""
    return "-".join("".join(secrets.choice(_LEGIBLE) for _ in range(5)) for _ in range(4))


def _decoy() -> str:
    """A hash with today's parameters that no password is known for."""
    salt, digest = (_unpadded(os.urandom(length)) for length in (_HASHER.salt_len, _HASHER.hash_len))
    return f"$argon2id$v=19$m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}${salt}${digest}"


def _unpadded(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


def _is_plain(password: str, user_name: str) -> bool:
    if len(set(password)) < FEWEST_DIFFERENT:
        return True
    for word in (*_PLAIN_WORDS, user_name.casefold()):
        if word and len(password.replace(word, "")) <= _LONGEST_PLAIN_REST:
            return True
    longest_run = max(_common_length(password, run) for run in _PLAIN_RUNS)
    return len(password) - longest_run <= _LONGEST_PLAIN_REST


def _common_length(password: str, run: str) -> int:
    """Length of the longest piece of ``run`` that stands in ``password``."""
    best = 0
    for start in range(len(run)):
        while start + best < len(run) and run[start : start + best + 1] in password:
            best += 1
    return best


def _normal(password: str) -> str:
    """One form for what different keyboards send for the same accented character."""
    return unicodedata.normalize("NFKC", password[:_LONGEST_LOOKED_AT])


def _bytes(password: str) -> bytes:
    return _normal(password).encode("utf-8", "surrogatepass")
