"""Rows held against rows: which of their fields differ, and which rows are lacking or too many. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from malote.erp.targets import CANCELLED, PROTOCOL, STAMPED, ColumnTarget

One = TypeVar("One")
Other = TypeVar("Other")

_SOME, _OTHER = datetime(2000, 1, 1, tzinfo=UTC), datetime(2001, 2, 2, 2, tzinfo=UTC)


def by_number(
    name: str,
    written: Sequence[One],
    held: Sequence[Other],
    number: Callable[[Any], Any],
    fields: Callable[[One, Other], list[str]],
) -> list[str]:
    """Lines side by side: ``items[2].quantity`` differs, ``-items[3]`` isn't there, ``+items[9]`` is too much."""
    left: dict[int, list[Other]] = defaultdict(list)
    for theirs in held:
        left[int(number(theirs))].append(theirs)
    found = []
    for mine in written:
        at = int(number(mine))
        if own := left.get(at):
            found += [f"{name}[{at}].{field}" for field in fields(mine, own.pop(0))]
        else:
            found.append(f"-{name}[{at}]")
    return found + [f"+{name}[{at}]" for at, rest in sorted(left.items()) for _ in rest]


def lacking_and_extra(name: str, written: Sequence[tuple[Any, ...]], held: Sequence[tuple[Any, ...]]) -> list[str]:
    """The same of lines without numbers."""
    mine, theirs = (Counter(tuple(map(plainly, row)) for row in some) for some in (written, held))
    return [f"-{name}"] * (mine - theirs).total() + [f"+{name}"] * (theirs - mine).total()


def is_compared(target: ColumnTarget) -> bool:
    """Whether what was written there can be told, and stays."""
    names = {field.name for field in target.compiled.fields}
    if target.by_database or target.compiled.asks or names & {*PROTOCOL, STAMPED}:
        return False
    if not names & CANCELLED:
        return True
    # Such as present(cancelled_at, 'C', 'A'): it says whether, and not when.
    one, other = ({"cancelled_at": when} for when in (_SOME, _OTHER))
    return target.bare is None and bool(target.compiled.value(one, one) == target.compiled.value(other, other))


def tells_protocol(target: ColumnTarget) -> bool:
    """Whether a sale's protocol stands there and nothing else: it can be told of a sale that came with its own."""
    names = {field.name for field in target.compiled.fields}
    told = names & PROTOCOL and not names & {*CANCELLED, STAMPED}
    return bool(told) and not target.by_database and not target.compiled.asks


def without_protocol(names: Sequence[str], row: Mapping[str, Any]) -> list[str]:
    """Of the fields that differ those that say something: a protocol that came later than its sale isn't in ``row``."""
    return [name for name in names if name not in PROTOCOL or row["protocol_status"]]


def alike(written: Any, held: Any) -> bool:
    if isinstance(written, datetime) and isinstance(held, datetime) and held.tzinfo is None:
        return written.replace(tzinfo=None) == held  # what the document's own clock showed
    return bool(plainly(written) == plainly(held))


def plainly(value: Any) -> Any:
    """A value whatever its type and its padding."""
    match value:
        case None | "":
            return None
        case bool():
            return Decimal(int(value))
        case int() | float() | Decimal():
            return Decimal(str(value))
        case str():
            return _of_text(value.rstrip())
        case datetime():
            return value.astimezone(UTC) if value.tzinfo else value
    return value


def _of_text(value: str) -> Any:
    if len(value) > 18 and value[4:5] == "-":
        try:
            return plainly(datetime.fromisoformat(value))
        except ValueError:
            return value
    return value
