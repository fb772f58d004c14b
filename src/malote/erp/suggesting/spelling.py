"""How the engine at hand writes what a suggested profile asks its tables."""

from typing import Any

import msgspec
from sqlalchemy.engine.interfaces import Dialect

from malote.erp.engine_loader import has_part, part_of
from malote.erp.suggesting.table_catalogue import CatalogueTable

_PART = "spelling"  # of an engine's folder


def can_be_suggested(engine: str) -> bool:
    """Whether a profile can be suggested for an engine."""
    return has_part(engine, _PART)


class Spelling(msgspec.Struct, frozen=True):
    """``own``: the words of the engine's folder."""

    dialect: Dialect
    own: Any

    def quoted(self, name: str) -> str:
        return str(self.dialect.identifier_preparer.quote(name))

    def placed(self, name: str, schema: str) -> str:
        return f"{self.quoted(schema)}.{self.quoted(name)}" if schema else self.quoted(name)


def spelling_of(dialect: Dialect) -> Spelling:
    return Spelling(dialect, part_of(dialect.name, _PART))


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
        return quoted if table.columns[column].kind == "text" else self.spelling.own.as_text(quoted)

    def is_barcode(self, table: CatalogueTable, column: str) -> str:
        """Whether it is the GTIN of a note, however many zeros either has before it."""
        bare = "trim(leading '0' from :gtin)"
        kept, length = self.text_of(table, column), table.columns[column].length
        if table.columns[column].kind != "text":
            return f"{kept} = {bare}"
        forms = [":gtin", bare, *(f"lpad(:gtin, {wide}, '0')" for wide in (13, 14) if wide <= (length or 14))]
        return f"{kept} in ({', '.join(forms)})"
