"""The signature under what is sent to a webhook, as the Standard Webhooks specification has it (version 1).

HMAC-SHA256 over ``ID.TIMESTAMP.BODY``, in base64 behind ``v1,``. The secret begins with ``whsec_``, followed by base64.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
WINDOW_SECONDS = 300  # older or newer than that is no delivery, but a copy of one

_PREFIX = "whsec_"
_VERSION = "v1,"


class SignatureError(Exception):
    """What came isn't what the server sent, or is a copy of it."""


def written(secret: bytes) -> str:
    """The secret as people hand it over."""
    return _PREFIX + base64.b64encode(secret).decode()


def headers(secret: bytes, message_id: str, body: bytes, now: float) -> dict[str, str]:
    """What goes with a delivery."""
    at = str(int(now))
    return {ID: message_id, TIMESTAMP: at, SIGNATURE: _VERSION + _sign(secret, message_id, at, body)}


def verify(secret: str, given: Mapping[str, str], body: bytes, now: float) -> str:
    """The delivery's id, for a receiver that knows what it has already. Raises ``SignatureError``.

    ``given``: the request's headers, in lower case; ``secret`` as ``written``.
    """
    at, message_id = given.get(TIMESTAMP, ""), given.get(ID, "")
    if not (at.isascii() and at.isdigit() and abs(now - int(at)) <= WINDOW_SECONDS):
        raise SignatureError("outside of the window of time")
    expected = _VERSION + _sign(base64.b64decode(secret.removeprefix(_PREFIX)), message_id, at, body)
    if not any(hmac.compare_digest(one.encode(), expected.encode()) for one in given.get(SIGNATURE, "").split()):
        raise SignatureError("no signature is right")
    return message_id


def _sign(secret: bytes, message_id: str, at: str, body: bytes) -> str:
    signed = hmac.new(secret, f"{message_id}.{at}.".encode() + body, hashlib.sha256)
    return base64.b64encode(signed.digest()).decode()
