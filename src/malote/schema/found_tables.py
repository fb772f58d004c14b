"""What a database has, as one of the modules that look into engines found it."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

# The default of a column that numbers itself.
IDENTITY = "identity"


class FoundColumn(msgspec.Struct, frozen=True):
    """Type and default as the engine spells them."""

    name: str
    type: str
    nullable: bool
    default: str | None


class FoundKey(msgspec.Struct, frozen=True):
    """An index, or the one behind a key. ``columns`` is empty where it is over expressions.

    ``valid`` is False for one whose making failed half way: it is there, costs work, and answers nothing.
    """

    name: str
    columns: tuple[str, ...]
    unique: bool
    primary: bool = False
    where: str | None = None
    valid: bool = True


class FoundTable(msgspec.Struct, frozen=True):
    """``rows`` is the engine's estimate. ``lacking``: what we may not do with the table, such as ``INSERT``.

    ``alterable``: whether we may alter it; False for what is no table, such as a view.
    """

    name: str
    columns: dict[str, FoundColumn]
    keys: tuple[FoundKey, ...] = ()
    rows: int = 0
    lacking: tuple[str, ...] = ()
    alterable: bool = True
    is_table: bool = True


class Probe(Protocol):
    """Questions about the rows themselves, asked only where the answer decides."""

    def is_empty(self, table: str) -> bool: ...

    def duplicates(self, table: str, columns: Sequence[str]) -> list[str]:
        """Values of these columns that occur more than once, as text; not more than a person reads."""
        ...


Found = dict[str, FoundTable]
