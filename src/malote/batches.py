"""Long streams in lists of bounded size."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

One = TypeVar("One")


def batches(rows: Iterable[One], size: int) -> Iterator[list[One]]:
    """In their order; the last one may be shorter, and none is empty."""
    left = iter(rows)
    while some := list(islice(left, size)):
        yield some
