"""What the server takes at once, as it said last; remembered in the outbox, for a till that starts without a line."""

import msgspec

from malote.config import IntakeSettings
from malote.till.outbox import Outbox
from malote.wire import PouchLimits

_NOTED = "limits"


def remember(outbox: Outbox, said: PouchLimits | None) -> None:
    """Keeps what the server said, if it said something new. Raises ``OutboxError``."""
    if said is not None and said != known(outbox):
        outbox.note(_NOTED, said)


def known(outbox: Outbox) -> PouchLimits:
    """What the server said last; until it has said anything, what it says by default. Raises ``OutboxError``."""
    noted = outbox.noted(_NOTED)
    try:
        said = msgspec.json.decode(noted, type=PouchLimits) if noted else IntakeSettings().pouch_limits
    except msgspec.DecodeError:
        said = IntakeSettings().pouch_limits
    # A confused server must not bring the sales to a stand.
    return PouchLimits(max(said.files, 1), max(said.bytes, 1), max(said.document_bytes, 1))
