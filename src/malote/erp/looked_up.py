"""What queries found in the ERP when a sale was booked, as it went into the sale's rows: kept with the sale.

A query asked again may find another product, since somebody registered it anew, and nobody changed the row; one that
draws from a sequence gives another number each time, and mustn't be asked at all. So what was written is remembered
when it is written, in the transaction that books: it stands behind the sale in Malote's own table of what became of
each (``[state]``), where programs that don't know it pass over it.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any

import msgspec

from malote.erp.plain_text import plainly
from malote.erp.profiles.queries import ProfileQuery
from malote.erp.targets import CANCELLED, PROTOCOL, STAMPED, ColumnTarget

Line = list[str | None]  # of each row of a sale in its order, in the words of SQL
LookedUp = dict[str, dict[str, Line]]  # by part and column
Rows = Sequence[Mapping[str, Any]]

COMPARED = frozenset({"sale", "note", "item", "tax", "payment"})  # parts
# Types of which every driver writes what ``str`` makes of them, and those that a column may hold rounded or cut.
_SURE, _CUT = (bool, int, str), (Decimal, date, time)
_DRAWS = re.compile(r"nextval|setval|next\s+value|previous\s+value", re.IGNORECASE)
_CALLED = re.compile(r"([\w$.`\"]+)\s*\(")
_HARMLESS = re.compile(
    "select|where|and|or|not|in|on|from|join|exists|all|any|when|then|else|union|values|as|using"
    "|coalesce|ifnull|nullif|if|l?trim|rtrim|lower|upper|left|right|substr(ing)?|replace|concat|lpad|(char_)?length"
    "|cast|convert|char|decimal|numeric|date(_format)?|time|min|max|abs|round|mod",
    re.IGNORECASE,
)
_EARLIER_END = b"\xc1LU\xc1"  # of bytes that held it once, behind their own length of four bytes


class _Attached(msgspec.Struct, frozen=True, tag="looked_up"):
    """Stands behind a sale's last field, as a map, which no field of a sale is."""

    found: LookedUp


_sales = msgspec.msgpack.Decoder(list[list[msgspec.Raw]])  # the fields of each


def is_looked_up(target: ColumnTarget) -> bool:
    """Whether what a query found stands there, and stays."""
    later = {field.name for field in target.compiled.fields} & {*CANCELLED, *PROTOCOL, STAMPED}
    return bool(target.compiled.asks) and not target.by_database and not later


def may_write(query: ProfileQuery, *, kept_from_it: bool) -> bool:
    """Whether asking might write or draw a number: by its own words, and where the database doesn't keep a SELECT from
    it also where it calls what nobody here knows."""
    if _DRAWS.search(query.sql):
        return True
    return not kept_from_it and not all(map(_HARMLESS.fullmatch, _CALLED.findall(query.sql)))


class WrittenLookups:
    """Of the sales that one transaction writes, by access key."""

    def __init__(self, *, as_columns: bool) -> None:
        """``as_columns``: as in ``Records``."""
        self._types = (*_SURE, *_CUT) if as_columns else _SURE
        self._of: dict[str, LookedUp] = defaultdict(dict)

    def forget(self, access_key: str) -> None:
        """The sale is about to be written anew."""
        self._of.pop(access_key, None)

    def note(self, part: str, targets: Iterable[ColumnTarget], made: Rows, access_keys: Iterable[str]) -> None:
        """Rows as they are written, by the targets' keys, in the order of each sale's lines. A value that may
        stand there in other words is left out: a column that is too short tells nothing."""
        writers = [(one, plainly(one.compiled.shape)) for one in targets if is_looked_up(one)]
        for row, key in zip(made, access_keys, strict=True) if writers else ():
            of_part = self._of[key].setdefault(part, {})
            for one, write in writers:
                line, value = of_part.setdefault(one.column, []), row[one.key]
                if value is None or isinstance(value, self._types) or _is_whole(value):
                    line.append(write(value) or None)

    def of(self, access_key: str) -> LookedUp:
        return self._of.get(access_key, {})


def _is_whole(value: Any) -> bool:
    return isinstance(value, Decimal) and value == value.to_integral_value()


def attached(document: bytes, found: LookedUp) -> bytes:
    """A sale, as ``documents.encode`` writes a list of it alone, with what was looked up behind its last field."""
    if not found:
        return document
    (fields,) = _sales.decode(document)
    return msgspec.msgpack.encode([[*fields, _Attached(found)]])


def parted(document: bytes) -> tuple[bytes, LookedUp]:
    """The other way round; nothing of a sale that an earlier version booked."""
    ((*fields, last),) = _sales.decode(document)
    match msgspec.msgpack.decode(last):
        case dict(said):
            found = msgspec.convert(said, _Attached).found
        case bytes(said) if said.endswith(_EARLIER_END):
            found = msgspec.msgpack.decode(said[: -len(_EARLIER_END) - 4], type=LookedUp)
        case _:
            return document, {}
    return msgspec.msgpack.encode([fields]), found
