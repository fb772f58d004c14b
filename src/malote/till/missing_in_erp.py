"""What the server says of this till's sales that were proven, and that the ERP has no more: it was restored, say."""

import msgspec

from malote import wire
from malote.till.outbox import Outbox

_NOTED = "outside"


class MissingInErp(msgspec.Struct, frozen=True):
    """How many sales, and their value in cents."""

    count: int = 0
    total: int = 0


def remember(outbox: Outbox, reply: wire.ContactReply) -> None:
    """Raises ``OutboxError``."""
    said = MissingInErp(reply.outside, reply.outside_total)
    if said != known(outbox):
        outbox.note(_NOTED, said)


def known(outbox: Outbox) -> MissingInErp:
    """As of the last contact. Raises ``OutboxError``."""
    noted = outbox.noted(_NOTED)
    return msgspec.json.decode(noted, type=MissingInErp) if noted else MissingInErp()
