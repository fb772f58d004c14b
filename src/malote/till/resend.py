"""What was proven once, asked about again when a person orders it: a server, or a whole machine, that was put back to
before knows nothing of it, and would never hear of it again."""

from collections.abc import Callable

from malote import wire
from malote.till.outbox import Outbox


def send_again(outbox: Outbox, receipts: Callable[[list[bytes]], wire.ReceiptsReply]) -> int:
    """Captured again: what is proven, is here with its content and isn't known to the server. How many.

    Where the ERP has it all the same, its ledger tells, and it is one sale. Raises ``OutboxError`` and what
    ``receipts`` raises.
    """
    found, after = 0, 0
    while rows := list(outbox.rows(_PROVEN, (after, wire.MAX_QUERY))):
        after = rows[-1][0]
        told = receipts([sha256 for _, sha256 in rows]).receipts
        asked = {sha256 for _, sha256 in rows}
        unknown = {bytes.fromhex(one.sha256) for one in told if one.state == "unknown"} & asked
        found += outbox.doubt(unknown) if unknown else 0
    return found


_PROVEN = "SELECT id, sha256 FROM file WHERE state = 'posted' AND content IS NOT NULL AND id > ? ORDER BY id LIMIT ?"
