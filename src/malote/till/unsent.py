"""What the server doesn't have yet."""

from malote.till.outbox import Outbox


def oldest_unsent(outbox: Outbox, now: float) -> float | None:
    """Seconds since the oldest file was captured that the server doesn't have; None where it has all."""
    ((oldest,),) = outbox.rows("SELECT MIN(captured_at) FROM file WHERE state IN ('captured', 'held')")
    return None if oldest is None else max(0.0, now - oldest)
