"""What the server says of this till's sales that were proven, and that the ERP has no more: it was restored, say."""

import msgspec

from malote import wire
from malote.till.outbox import Outbox

_NOTED = "outside"


class Outside(msgspec.Struct, frozen=True):
    """How many sales, and their value in cents."""

    count: int = 0
    total: int = 0


def remember(outbox: Outbox, reply: wire.ContactReply) -> None:
    """Raises ``OutboxError``."""
    said = Outside(reply.outside, reply.outside_total)
    if said != known(outbox):
        outbox.note(_NOTED, said)


def known(outbox: Outbox) -> Outside:
    """As of the last contact. Raises ``OutboxError``."""
    noted = outbox.noted(_NOTED)
    return msgspec.json.decode(noted, type=Outside) if noted else Outside()
