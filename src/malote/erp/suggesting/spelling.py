"""How an engine writes what a suggested profile asks its tables."""

import msgspec
from sqlalchemy.engine.interfaces import Dialect

from malote.erp.suggesting.table_catalogue import CatalogueTable

# Of a day or an hour written as text, in PostgreSQL's words; MariaDB's for each.
_OF_MARIADB = {"YYYY": "%Y", "MM": "%m", "DD": "%d", "HH24": "%H", "MI": "%i", "SS": "%s"}


class Spelling(msgspec.Struct, frozen=True):
    """Texts for the queries of a profile; none of them is run here."""

    dialect: Dialect

    @property
    def _postgresql(self) -> bool:
        return self.dialect.name == "postgresql"

    def quoted(self, name: str) -> str:
        return str(self.dialect.identifier_preparer.quote(name))

    def placed(self, name: str, schema: str) -> str:
        return f"{self.quoted(schema)}.{self.quoted(name)}" if schema else self.quoted(name)

    def as_text(self, column: str) -> str:
        return f"{column}::text" if self._postgresql else f"cast({column} as char)"

    def without_mask(self, column: str) -> str:
        """The digits and letters of a CNPJ, with its mask or without."""
        if self._postgresql:
            return f"translate({column}::text, './-', '')"
        return f"replace(replace(replace({column}, '.', ''), '/', ''), '-', '')"

    def first(self, condition: str) -> str:
        """The row for which this holds before the others."""
        return (
            f"order by {condition} desc nulls last limit 1"
            if self._postgresql
            else f"order by {condition} desc limit 1"
        )

    def hour(self) -> str:
        return "select :moment::time" if self._postgresql else "select cast(:moment as time)"

    def moment_as(self, shape: str) -> str:
        if self._postgresql:
            return f"select to_char(:moment, '{shape}')"
        for word, own in _OF_MARIADB.items():
            shape = shape.replace(word, own)
        return f"select date_format(:moment, '{shape}')"

    def drawn(self, sequence: str) -> str:
        """The next number of a sequence, whose name is quoted already."""
        return f"nextval('{sequence}')" if self._postgresql else f"nextval({sequence})"


class Place(msgspec.Struct, frozen=True):
    """Where the tables stand, and how their engine writes what it is asked. A text for a profile is not run here."""

    spelling: Spelling
    schema: str

    def of(self, name: str) -> str:
        return self.spelling.placed(name, self.schema)

    def asking(self, key: str, table: CatalogueTable, condition: str) -> str:
        return f"select {self.spelling.quoted(key)} from {self.of(table.name)} where {condition}"  # noqa: S608 quoted

    def text_of(self, table: CatalogueTable, column: str) -> str:
        """A column compared as a text."""
        quoted = self.spelling.quoted(column)
        return quoted if table.columns[column].kind == "text" else self.spelling.as_text(quoted)

    def is_barcode(self, table: CatalogueTable, column: str) -> str:
        """Whether it is the GTIN of a note, however many zeros either has before it."""
        bare = "trim(leading '0' from :gtin)"
        kept, length = self.text_of(table, column), table.columns[column].length
        if table.columns[column].kind != "text":
            return f"{kept} = {bare}"
        forms = [":gtin", bare, *(f"lpad(:gtin, {wide}, '0')" for wide in (13, 14) if wide <= (length or 14))]
        return f"{kept} in ({', '.join(forms)})"
