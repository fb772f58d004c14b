"""What the ERP calls a sale: a number that the database makes, or several columns together. In a sale's row it stands
under ``KEY``, or under ``PART_OF_KEY`` and each column's name, in the words of SQL.
"""

from collections.abc import Sequence
from itertools import count

from malote.erp import booking_state
from malote.erp.mapping import ErpTables, MappedTable
from malote.erp.ordinary_tables import Row
from malote.erp.plain_text import plainly
from malote.erp.profiles.syntax import PART_OF_KEY
from malote.erp.records import Records
from malote.erp.targets import KEY, ColumnTarget


def key_of(tables: ErpTables, kept: str) -> Row:
    """As a sale's row has it, from what the state keeps of it."""
    if not tables.profile.sale.several:
        return {KEY: kept or None}
    return {PART_OF_KEY + column: value for column, value in booking_state.keys(kept).items()}


def kept_of(tables: ErpTables, sale: Row) -> str | None:
    """The other way round."""
    several = tables.profile.sale.several
    if several:
        return booking_state.written_keys({one: str(sale[PART_OF_KEY + one]) for one in several})
    return sale.get(KEY)


def key_fields(sale: Row) -> Row:
    return {name: value for name, value in sale.items() if name == KEY or name.startswith(PART_OF_KEY)}


def is_of_key(field: str) -> bool:
    """Whether a field is what the ERP calls a sale."""
    return field == KEY or field.startswith(PART_OF_KEY)


def written(mapped: MappedTable, several: Sequence[str], made: Row) -> Row:
    """Of a row that is written: the columns of its key that are written with it."""
    return {PART_OF_KEY + one.column: _words(one, made) for one in _of_key(mapped, several)}


def counted(
    records: Records, mapped: MappedTable, several: Sequence[str], column: str, made: Sequence[Row]
) -> list[int]:
    """A number for each row: one more than the greatest that ``column`` has beside the other columns of the key."""
    beside = [one for one in _of_key(mapped, several) if one.column != column]
    own = next(one for one in mapped.targets if one.column == column)
    groups = [tuple(_words(one, row) for one in beside) for row in made]
    once = list(dict.fromkeys(groups))
    asked = [dict(zip((one.key for one in beside), group, strict=True)) for group in once]
    greatest = records.greatest(mapped, asked, beside, own)
    following = {group: count(greatest.get(place, 0) + 1) for place, group in enumerate(once)}
    return [next(following[group]) for group in groups]


def _of_key(mapped: MappedTable, several: Sequence[str]) -> list[ColumnTarget]:
    return [one for one in mapped.inserted if one.column in several]


def _words(target: ColumnTarget, row: Row) -> str:
    return plainly(target.compiled.shape)(row[target.key])
