"""Long lists in statements of bounded size."""

from collections.abc import Iterable, Sequence
from typing import Any

CHUNK = 500  # parameters of one statement; every engine takes as many


def chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))
