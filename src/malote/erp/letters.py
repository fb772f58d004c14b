"""Which characters each column of the ERP can hold: one encoding for a whole database, or each column's own."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from malote.erp.mapping import ErpTables, MappedTable
from malote.erp.profiles.checking import ProfileFault
from malote.erp.profiles.own_texts import texts_of
from malote.erp.profiles.profile import Part
from malote.erp.repertoire import Repertoire, named_character
from malote.erp.targets import ColumnTarget

Columns = Mapping[tuple[str, str], Repertoire]  # by the ERP's table and column, in small letters

# Parts that are written of the rows of another one.
_ROW_OF: Mapping[Part, Part] = {"note": "sale", "tax": "item", "movement": "item", "stock": "item"}


class Suspect(NamedTuple):
    """A column into which the profile itself puts a character that it lacks, for some documents or for all."""

    mapped: MappedTable
    target: ColumnTarget
    constant: str
    character: str
    repertoire: Repertoire

    @property
    def column(self) -> str:
        return f"{self.mapped.name}.{self.target.column}"


class Letters:
    """Made once for a connection. Columns of which nothing is known hold all of Unicode."""

    def __init__(self, tables: ErpTables, whole: Repertoire | None, columns: Columns | None = None) -> None:
        self._whole = whole
        self._columns = columns or {}
        self._fields: dict[tuple[Part, str], list[Repertoire]] = defaultdict(list)
        self._suspects: dict[Part, list[Suspect]] = defaultdict(list)
        for mapped, target in _written(tables):
            repertoire = self._of_column(mapped, target)
            if repertoire is None:
                continue
            for field in target.compiled.fields:
                part: Part = "sale" if field.of_sale else row_of(mapped.part)
                self._fields[part, field.name].append(repertoire)
            for said in texts_of(target.expression, tables.profile.lookup):
                if character := repertoire.lacks(said):
                    self._suspects[row_of(mapped.part)].append(Suspect(mapped, target, said, character, repertoire))

    @property
    def hold_everything(self) -> bool:
        return self._whole is None and not self._columns

    def of(self, part: Part, field: str) -> list[Repertoire]:
        """Of the columns into which this field of a document goes."""
        return [self._whole] if self._whole else self._fields.get((part, field), [])

    def suspects(self, part: Part) -> list[Suspect]:
        """Of the columns that are written of rows of this part."""
        return self._suspects.get(part, [])

    @property
    def all_suspects(self) -> list[Suspect]:
        return [one for some in self._suspects.values() for one in some]

    def _of_column(self, mapped: MappedTable, target: ColumnTarget) -> Repertoire | None:
        return self._whole or self._columns.get((mapped.table.name.lower(), target.column.lower()))


def faults(letters: Letters) -> list[ProfileFault]:
    """Texts that the profile writes by itself, with a character that their column can't hold."""
    return [
        ProfileFault(
            "text_unencodable",
            one.mapped.name,
            one.target.column,
            one.constant,
            f"{named_character(one.character)} ({one.repertoire.encoding})",
        )
        for one in letters.all_suspects
    ]


def row_of(part: Part) -> Part:
    return _ROW_OF.get(part, part)


def _written(tables: ErpTables) -> Iterator[tuple[MappedTable, ColumnTarget]]:
    for mapped in tables.parts:
        for target in mapped.targets:
            yield mapped, target
