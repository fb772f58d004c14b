"""Up on the shelf first, down at the till first: a price that rises is valid at tills once the labels had their time.

The ERP's row with the higher price is loaded with a later beginning; until then the one that it follows stays in force.
So does one that the ERP ends early or takes away (an event), where what comes of it is dearer.
No contact is needed at that minute. A lower price goes at once. Dates of the ERP's own that are later still are kept.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

import msgspec

from malote.config import LoadsSettings
from malote.load_format.digest import key_bytes
from malote.load_format.entity import Entity, Row

ENTITY = "price"  # a promotion has its own dates, by which shelf and till go alike
ENDED = b""
_NEVER = "~"  # after all instants as rows have them
_MINUTE = 60


class LoadedRow(msgspec.Struct, frozen=True):
    """``erp_key``: of a row whose beginning was put off, the key that the ERP has it under; ``ENDED``: of one that is
    over at the ERP."""

    row: Row
    erp_key: bytes | None = None


class Rises(msgspec.Struct, frozen=True):
    """``at``: when a price that is seen to rise ``now`` becomes valid, both as rows have instants; None: at once.
    ``urgent``: products whose prices don't wait."""

    now: str
    at: str | None
    urgent: Collection[str] = ()


def moment(settings: LoadsSettings, now: float, zone: tzinfo | None) -> float | None:
    """When a price that rises now becomes valid, in seconds since the epoch; None: at once. ``zone``: the store's."""
    if not settings.rise_at and not settings.rise_after_minutes:
        return None
    earliest = math.ceil((now / _MINUTE) + settings.rise_after_minutes) * _MINUTE
    if not settings.rise_at:
        return float(earliest)
    then = datetime.fromtimestamp(earliest, zone).astimezone(zone)
    hour, minute = map(int, settings.rise_at.split(":"))
    opens = then.replace(tzinfo=None, hour=hour, minute=minute, second=0)
    while (found := _by(opens, zone)) < earliest:
        opens += timedelta(days=1)
    return found


def _by(clock: datetime, zone: tzinfo | None) -> float:
    return (clock.replace(tzinfo=zone) if zone else clock).timestamp()


def as_the_erp_has(entity: Entity, loaded: Mapping[bytes, LoadedRow]) -> dict[bytes, Row]:
    """The rows by the ERP's keys, each with its own beginning."""
    found = {key: one.row for key, one in loaded.items() if one.erp_key is None}
    return found | {one.erp_key: _own(entity, one) for one in loaded.values() if one.erp_key}


def waits_until(entity: Entity, one: LoadedRow) -> str | None:
    """When what the ERP has is valid at tills; None: it is as it stands."""
    if one.erp_key is None:
        return None
    return _named(entity, one.row, "valid_until" if one.erp_key == ENDED else "valid_from")


def _named(entity: Entity, row: Row, name: str) -> str:
    return str(next(value for column, value in zip(entity.columns, row, strict=True) if column.name == name))


def _own(entity: Entity, one: LoadedRow) -> Row:
    assert one.erp_key is not None  # noqa: S101 asked of what was put off
    by_place = dict(zip(entity.key_places, msgspec.json.decode(one.erp_key), strict=True))
    return tuple(by_place.get(place, value) for place, value in enumerate(one.row))


def to_load(
    entity: Entity,
    loaded: Mapping[bytes, LoadedRow],
    erp: Mapping[bytes, Row],
    rises: Rises,
    alone: Collection[bytes] = (),
) -> dict[bytes, LoadedRow]:
    """What tills shall have of one product, by key. ``loaded``: what they have; ``erp``: the ERP's rows; ``alone``:
    keys of those of its rows that are left as they are."""
    return _Product(entity, loaded, erp, rises, alone).rows()


class _Product:
    def __init__(
        self,
        entity: Entity,
        loaded: Mapping[bytes, LoadedRow],
        erp: Mapping[bytes, Row],
        rises: Rises,
        alone: Collection[bytes],
    ) -> None:
        self._entity, self._loaded, self._erp, self._rises, self._alone = entity, loaded, erp, rises, alone
        self._places = {column.name: place for place, column in enumerate(entity.columns)}
        self._known = as_the_erp_has(entity, loaded)
        waiting = {key: one for key, one in loaded.items() if one.erp_key and self._begins(one.row) > rises.now}
        self._waiting = {one.erp_key: one.row for one in waiting.values() if one.erp_key}
        # What tills go by now: of what was put off and has begun, as the ERP has it.
        self._stands = as_the_erp_has(entity, {key: one for key, one in loaded.items() if key not in waiting})
        self._stands |= {key: one.row for key, one in loaded.items() if one.erp_key == ENDED}

    def rows(self) -> dict[bytes, LoadedRow]:
        found: dict[bytes, LoadedRow] = {}
        for key, row in self._erp.items():
            if key in self._alone:
                its = {at: one for at, one in self._loaded.items() if at == key or one.erp_key == key}
            elif self._rises_too_soon(key, row):
                its = self._put_off(key, row)
            else:
                its = {key: LoadedRow(row)}
            found |= its
        return found | self._ended_too_soon(found)

    def _ended_too_soon(self, found: Mapping[bytes, LoadedRow]) -> dict[bytes, LoadedRow]:
        """Of what is in force now and ends earlier than was said, what stays for a dearer one."""
        stay = {}
        for key, before in self._stands.items():
            one = found[key].row if key in found and self._ends(found[key].row) > self._rises.now else before
            if key in self._alone or self._rises.at is None or self._is_urgent(one) or not self._is_in_force(before):
                continue
            ends = max(self._ends(self._erp[key]) if key in self._erp else "", self._rises.now)
            later = min(self._ends(before), self._rises.at)
            lists = (self._erp.values(), [each.row for each in found.values()])
            then = [self._in_force(rows, one, ends) for rows in lists]
            if ends < later and any(row is not None and self._price(row) > self._price(one) for row in then):
                stay[key] = LoadedRow(self._with(one, valid_until=later), ENDED)
        return stay

    def _is_in_force(self, row: Row) -> bool:
        return self._in_force(self._stands.values(), row, self._rises.now) is row

    def _in_force(self, rows: Iterable[Row], like: Row, at: str) -> Row | None:
        there = [one for one in rows if self._alike(one, like) and self._begins(one) <= at < self._ends(one)]
        return max(there, key=self._begins, default=None)

    def _rises_too_soon(self, key: bytes, row: Row) -> bool:
        if self._rises.at is None or self._is_urgent(row):
            return False
        if self._begins(row) >= self._from(key, row) or self._ends(row) <= self._rises.now:
            return False
        before = self._followed(key, row)
        return before is not None and self._price(row) > self._price(before)

    def _is_urgent(self, row: Row) -> bool:
        return self._value(row, "product_code") in self._rises.urgent

    def _from(self, key: bytes, row: Row) -> str:
        """No later than was said before of the same price."""
        assert self._rises.at is not None  # noqa: S101 asked where prices wait
        waiting = self._waiting.get(key)
        if waiting is None or self._known.get(key) != row:
            return self._rises.at
        return min(self._begins(waiting), self._rises.at)

    def _put_off(self, key: bytes, row: Row) -> dict[bytes, LoadedRow]:
        begins, ends = self._visible(key, row), self._ends(row)
        found = {}
        if key in self._stands:
            last = min(begins, ends)
            found[key] = LoadedRow(
                self._with(self._stands[key], valid_until=last) if last != _NEVER else self._stands[key]
            )
        if begins < ends:
            later = self._with(row, valid_from=begins)
            found[key_bytes(self._entity, later)] = LoadedRow(later, key)
        return found

    def _visible(self, key: bytes, row: Row) -> str:
        """The first moment from which on this row and none that began after it is in force: put off beyond the
        beginning of another, it would take that one's place."""
        at = self._from(key, row)
        over = [one for one in self._erp.values() if self._alike(one, row) and self._begins(one) > self._begins(row)]
        while covering := [one for one in over if self._begins(one) <= at < self._ends(one)]:
            at = max(self._ends(one) for one in covering)
        return at

    def _followed(self, key: bytes, row: Row) -> Row | None:
        """The row in force whose place this one takes."""
        at = max(self._begins(row), self._rises.now)
        there = [
            one for one in self._stands.values() if self._alike(one, row) and self._begins(one) <= at < self._ends(one)
        ]
        same = self._stands.get(key)
        if same in there:
            return same
        return max((one for one in there if self._begins(one) <= self._begins(row)), key=self._begins, default=None)

    # ---- values of a row ----

    def _value(self, row: Row, name: str) -> Any:
        return row[self._places[name]]

    def _price(self, row: Row) -> Decimal:
        return Decimal(str(self._value(row, "price")))

    def _begins(self, row: Row) -> str:
        return str(self._value(row, "valid_from"))

    def _ends(self, row: Row) -> str:
        return str(self._value(row, "valid_until") or _NEVER)

    def _alike(self, one: Row, other: Row) -> bool:
        return all(self._value(one, name) == self._value(other, name) for name in ("unit", "region"))

    def _with(self, row: Row, **values: str) -> Row:
        by_place = {self._places[name]: value for name, value in values.items()}
        return tuple(by_place.get(place, value) for place, value in enumerate(row))
