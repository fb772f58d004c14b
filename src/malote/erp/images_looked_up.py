"""One table of ordinary design beside what was written, with the columns that queries filled: each must have what its
query gave when the sale was booked, or what it gives now.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from malote.erp.booking_state import BookedState
from malote.erp.looked_up import is_looked_up
from malote.erp.looked_up_now import LookupsNow
from malote.erp.mapping import MappedTable
from malote.erp.ordinary_tables import Row
from malote.erp.records import Differing, Lacking, Records
from malote.erp.targets import ColumnTarget

_MOST_CHANGED = 20  # answers of one sale that are others by now; of more the rest counts as it was

Change = tuple[str, str | None, str]  # a column, what its query gave, and what it gives now


class WrittenSale(msgspec.Struct):
    """Of one sale its rows of this table. ``row`` is the sale's own, ``fields`` are what each line is made of, and
    ``values`` what was written, by column, as far as the document tells it."""

    kept: BookedState
    row: Row
    fields: list[Row]
    values: list[Row]


class TableComparison:
    """``told``: the columns that the documents tell."""

    def __init__(
        self,
        records: Records,
        mapped: MappedTable,
        told: Sequence[ColumnTarget],
        now: LookupsNow,
        sales: list[WrittenSale],
    ) -> None:
        assert mapped.of_sale is not None  # noqa: S101 the profile is refused without
        self._records = records
        self._mapped = mapped
        self._link = mapped.of_sale
        self._told = list(told)
        self._looked = [one for one in mapped.targets if is_looked_up(one) and one not in self._link.targets]
        self._now = now
        self._sales = sales
        for sale in sales:
            for values in sale.values:
                values |= self._link.by_column(sale.row)
        known = [self._remember(sale) for sale in sales]
        # A sale that an earlier version booked is compared without.
        self._groups = [
            ([place for place, one in enumerate(known) if one is remembered], [*self._told, *looked])
            for remembered, looked in ((True, self._looked), (False, []))
        ]

    def _remember(self, sale: WrittenSale) -> bool:
        """Puts what was looked up for it among its values. Whether all of it is known."""
        columns = sale.kept.looked_up.get(self._mapped.part, {})
        lines = [columns.get(one.column, []) for one in self._looked]
        if any(len(line) != len(sale.values) for line in lines):
            return False
        for target, line in zip(self._looked, lines, strict=True):
            for values, value in zip(sale.values, line, strict=True):
                values[target.column] = value
        return True

    # ---- a row for each sale ----

    def headers(self) -> list[Differing]:
        """By the sale's place; more than once what stands there more than once. Raises ``ErpError``."""
        found: list[Differing] = []
        for places, targets in self._groups:
            found += self._differing(places, targets)
        suspects = sorted({place for place, _, fields in found if set(fields) & set(self._looked)})
        again = {place: fields for place, _, fields in self._differing(suspects, self._today(suspects))}
        for at, (place, there, fields) in enumerate(found):
            otherwise = again.get(place, [])
            found[at] = (place, there, [one for one in fields if one not in self._looked or one in otherwise])
        return found

    def _differing(self, places: Sequence[int], targets: Sequence[ColumnTarget]) -> Iterator[Differing]:
        values = [self._sales[place].values[0] for place in places]
        if values:
            for at, there, fields in self._records.differing(self._mapped, values, targets, self._link.targets):
                yield places[at], there, fields

    def _today(self, places: Sequence[int]) -> list[ColumnTarget]:
        """Puts what is found now in the place of what was found then."""
        for place in places:
            for column, _, now in self._changes(place):
                self._sales[place].values[0][column] = now
        return self._looked

    # ---- several lines for each ----

    def lines(self) -> Iterable[Lacking]:
        """By the sale's place. Raises ``ErpError``."""
        found: dict[int, Lacking] = {}
        for places, targets in self._groups:
            found |= self._lacking(places, targets)
        suspects = [place for place in self._groups[0][0] if place in found] if self._looked else []
        return self._explained(found, suspects).values()

    def _lacking(self, places: Sequence[int], targets: Sequence[ColumnTarget]) -> dict[int, Lacking]:
        sales = [self._sales[place] for place in places]
        if not sales:
            return {}
        keys = [self._link.by_column(sale.row) for sale in sales]
        values = [values for sale in sales for values in sale.values]
        told = self._records.lacking(self._mapped, values, targets, self._link.targets, keys)
        return {places[at]: (places[at], lacking, extra) for at, lacking, extra in told}

    def _explained(self, found: dict[int, Lacking], suspects: Sequence[int]) -> dict[int, Lacking]:
        """Without what differs only since a query gives something else by now, and somebody wrote that into the rows:
        one answer after the other, since the rows of one product may have been changed and of another not."""
        changes = {place: self._changes(place)[:_MOST_CHANGED] for place in suspects}
        for turn in range(max(map(len, changes.values()), default=0)):
            tried = {place: self._sales[place].values for place in suspects if len(changes[place]) > turn}
            for place, values in tried.items():
                self._sales[place].values = _changed(values, changes[place][turn])
            again = self._lacking(list(tried), self._groups[0][1])
            for place, before in tried.items():
                after = again.get(place, (place, 0, 0))
                if place in found and sum(after[1:]) < sum(found[place][1:]):
                    found[place] = after
                else:
                    self._sales[place].values = before
        return {place: one for place, one in found.items() if one[1] or one[2]}

    def _changes(self, place: int) -> list[Change]:
        """What its queries give otherwise now."""
        sale = self._sales[place]
        pairs = [(fields, sale.row) for fields in sale.fields]
        found: dict[Change, None] = {}
        for target in self._looked:
            for values, now in zip(sale.values, self._now.values(target, pairs), strict=True):
                if now is not None and now != values[target.column]:
                    found[target.column, values[target.column], now] = None
        return list(found)


def _changed(values: list[Row], change: Change) -> list[Row]:
    column, then, now = change
    return [row | {column: now} if row[column] == then else row for row in values]
