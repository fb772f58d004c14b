"""The server's signature under what it publishes, so that no till obeys an order that came from elsewhere.

Ed25519. The server makes its key at first need and keeps it in its home; a till remembers the public half from its
first contact and believes no other.
"""

import base64
import errno
import os
import threading
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from malote import durable

FILE_NAME = "signing.key"
_RAW_BYTES = 32


class SigningKey:
    """The private half."""

    def __init__(self, raw: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(raw)

    @property
    def public(self) -> str:
        """The public half, in hex."""
        return self._key.public_key().public_bytes_raw().hex()

    def sign(self, message: bytes) -> str:
        """In hex."""
        return self._key.sign(message).hex()

    def derive(self, purpose: str) -> bytes:
        """Another secret of 32 bytes, always the same for a purpose, from which this one can't be found."""
        return HKDF(hashes.SHA256(), 32, salt=None, info=f"malote {purpose}".encode()).derive(
            self._key.private_bytes_raw()
        )


def signing_key(home: Path) -> SigningKey:
    """The server's key: that of the file in its home, which only its owner reads; made where there is none.

    Raises ``OSError``, also for a file that holds no key: making another would make strangers of all tills.
    """
    path = home / FILE_NAME
    if not path.exists():
        _make(path)
    try:
        raw = base64.b64decode(path.read_bytes().strip(), validate=True)
    except ValueError:
        raw = b""
    if len(raw) != _RAW_BYTES:
        raise OSError(errno.EINVAL, "no signing key in it", str(path))
    return SigningKey(raw)


def _make(path: Path) -> None:
    """Several threads and processes may come here at once: the first one's key stays."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(aside, path)
    except FileExistsError:
        pass
    finally:
        aside.unlink()
    durable.sync_folder(path.parent)
