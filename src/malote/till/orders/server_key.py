"""The server's key as this till knows it: the first it ever saw, until a person says otherwise."""

import msgspec

from malote.till.outbox import Outbox

_NOTED = "server_key"


def known(outbox: Outbox, offered: str) -> str:
    """The key, in hex; ``offered``, which is kept, where none was known. Raises ``OutboxError``."""
    noted = outbox.noted(_NOTED)
    key = msgspec.json.decode(noted, type=str) if noted else ""
    if not key and offered:
        outbox.note(_NOTED, offered)
        return offered
    return key


def forget(outbox: Outbox) -> None:
    """That of the next contact is believed. Raises ``OutboxError``."""
    outbox.note(_NOTED, "")
