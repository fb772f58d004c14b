"""Product bar codes (GTIN-8, 12, 13 and 14)."""

import re
from functools import lru_cache

_GTIN = re.compile(r"[0-9]{8}|[0-9]{12,14}")


def number_of(text: str) -> str:
    """The number a document gives for a product's bar code; "" for "SEM GTIN", empty or absent."""
    stripped = text.strip()
    return "" if stripped.upper() == "SEM GTIN" else stripped


@lru_cache(maxsize=10_000)
def is_right(number: str) -> bool:
    """Whether ``number`` has a GTIN's length and a right check digit."""
    if _GTIN.fullmatch(number) is None:
        return False
    # Weights 3 and 1 from the right, beginning beside the check digit.
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(number[:-1])))
    return (10 - weighted % 10) % 10 == int(number[-1])
