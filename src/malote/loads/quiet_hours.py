"""Hours in which no till gets whole rows by itself. Pure."""


def is_quiet(hours: str, now: str) -> bool:
    """``hours`` as ``22:00-06:00``, past midnight too; ``now`` as ``HH:MM``. No hours: never."""
    begins, _, ends = hours.partition("-")
    if begins <= ends:
        return begins <= now < ends
    return now >= begins or now < ends
