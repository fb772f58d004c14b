"""Tokens: a secret behind the number of who has it. Whoever keeps one keeps its hash alone."""

import hashlib
import hmac
import secrets

_LONGEST_NUMBER = 17  # digits: nothing longer is ever made here, and no database takes a larger one


def new_secret() -> str:
    """256 bits of chance."""
    return secrets.token_urlsafe(32)


def hash_of(secret: str) -> bytes:
    """What is kept of it. A slow hash would protect nothing of so much chance, and cost each request."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def is_right(secret: str, kept: bytes | None) -> bool:
    """Whether it is the secret that this was kept of; takes as long whatever is wrong."""
    return hmac.compare_digest(hash_of(secret), kept or b"")


def written(number: int, secret: str, prefix: str = "") -> str:
    """As it is handed over. ``prefix``: whose it is, so that one is never taken for another's."""
    return f"{prefix}{number}.{secret}"


def parted(token: str, prefix: str = "") -> tuple[int, str]:
    """Number and secret; the number is 0, which nobody has, where the token is none of these."""
    number, _, secret = token.partition(".")
    digits = number.removeprefix(prefix)
    is_one = number.startswith(prefix) and digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_NUMBER
    return int(digits) if is_one else 0, secret
